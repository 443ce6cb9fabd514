import type { Checkout } from "../../core/checkout.ts";
import { defined } from "../../core/defined.ts";
import { diffWorktree, dropWorktree, merge, type WorktreeFacts, worktreeFacts } from "../../engine/index.ts";
import type { Handlers, TaskDetailsJson, TaskJson } from "../../protocol/methods.ts";
import type { Caller } from "../caller.ts";
import { type Daemon, show } from "./context.ts";

type Methods = Pick<Handlers<Caller>, Extract<keyof Handlers<Caller>, `worktrees/${string}`>>;

/** How many worktrees are examined at once: git reads every file of each. */
const CONCURRENCY = 4;

export function worktreeHandlers(daemon: Daemon): Methods {
  const { engine } = daemon;
  return {
    "worktrees/list": async () => {
      const tasks = (await engine.store.list({ limit: 1_000_000 })).filter(
        ({ checkout }) => checkout?.isMade,
      );
      const worktrees = [];
      for (let start = 0; start < tasks.length; start += CONCURRENCY) {
        const batch = tasks.slice(start, start + CONCURRENCY);
        const facts = await Promise.all(batch.map((task) => worktreeFacts(engine, task)));
        for (const [n, { id, state, checkout }] of batch.entries()) {
          const { from, ...place } = checkout as Checkout;
          worktrees.push({ id, state, ...worktreeJson(place), from, changes: changesJson(facts[n] ?? null) });
        }
      }
      return { worktrees };
    },

    "worktrees/diff": async ({ id, form = "patch", color = false }) => {
      const { task, text, files } = await diffWorktree(engine, id, { form, color });
      return { id: task.id, worktree: worktreeJson(task.checkout), files, diff: text };
    },

    "worktrees/merge": async ({ id, commit = null }) => {
      const { task, merged } = await merge(engine, id, { commit });
      return { task: await show(daemon, task), ...merged };
    },

    "worktrees/remove": async ({ id, force }) => {
      const { task, ...removed } = await dropWorktree(engine, id, { force: false, ...defined({ force }) });
      return { task: await show(daemon, task), ...removed };
    },
  };
}

function worktreeJson({
  path,
  branch,
  base,
}: Pick<Checkout, "path" | "branch" | "base">): NonNullable<TaskJson["worktree"]> {
  return { path, branch, base };
}

/** Returns how much is new in a worktree, in numbers. */
export function changesJson(facts: WorktreeFacts | null): TaskDetailsJson["changes"] {
  if (!facts) return null;
  const { files, left } = facts;
  const sum = (field: "additions" | "deletions") =>
    files.reduce((total, file) => total + (file[field] ?? 0), 0);
  const { changed: uncommitted, untracked, commits } = left;
  const unmerged = commits;
  return {
    files: files.length,
    additions: sum("additions"),
    deletions: sum("deletions"),
    uncommitted,
    untracked,
    unmerged,
  };
}
