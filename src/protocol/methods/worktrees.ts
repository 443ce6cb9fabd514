/** The methods for the git worktrees of tasks, with scope `people`. */
import * as v from "valibot";
import { task } from "../task-values.ts";
import { changedWork, plain, ref, state } from "../values.ts";

const idParam = { id: ref };
const worktree = v.object({ path: v.string(), branch: v.string(), base: v.string() });
const files = v.array(
  v.object({
    path: v.string(),
    status: v.picklist(["added", "modified", "deleted"]),
    additions: v.nullable(v.number()),
    deletions: v.nullable(v.number()),
  }),
);

export const worktreeMethods = {
  "worktrees/list": {
    params: v.strictObject({}),
    result: v.object({
      worktrees: v.array(
        v.object({
          id: v.number(),
          state,
          ...worktree.entries,
          /** The branch that a merge goes into; null if no branch was checked out. */
          from: v.nullable(v.string()),
          /** Null if there is no worktree yet or any more, or if git cannot tell. */
          changes: v.nullable(changedWork),
        }),
      ),
    }),
    scope: "people",
    about: "The git worktrees of tasks, oldest first.",
  },
  "worktrees/diff": {
    params: v.strictObject({
      ...idParam,
      form: v.optional(v.picklist(["patch", "stat", "names"])),
      color: v.optional(v.boolean()),
    }),
    result: v.object({ id: v.number(), worktree, files, diff: v.string() }),
    scope: "people",
    about:
      "The changes in a task's worktree since the commit at which it began: committed, uncommitted and untracked. `diff` is the output of git, at most 4 MiB. If the worktree is gone, its branch is compared.",
  },
  "worktrees/merge": {
    params: v.strictObject({ ...idParam, commit: v.optional(plain(1000)) }),
    result: v.object({ task, into: v.string(), commit: v.string(), changed: v.boolean() }),
    scope: "people",
    about:
      "Merges a task's branch into the one from which its worktree was made, in the directory where that is checked out. With `commit`, uncommitted work is first committed with this message. Refused, with nothing changed, on a conflict, if the target has changes, and while the task is running.",
  },
  "worktrees/remove": {
    params: v.strictObject({ ...idParam, force: v.optional(v.boolean()) }),
    result: v.object({ task, branch: v.picklist(["kept", "deleted"]), tip: v.nullable(v.string()) }),
    scope: "people",
    about:
      "Removes the worktree of an ended task. Removes its branch if agentctl created it and all its commits exist elsewhere. Refused without `force` while it has work that exists nowhere else. `tip` is the last commit of the branch.",
  },
} as const;
