import type { Checkout } from "../../../core/checkout.ts";
import { AgentctlError } from "../../../core/errors.ts";
import type { Task } from "../../../core/task.ts";
import type { Ports } from "../../ports.ts";
import { type Git, GitFailed, gitOf, outputOrUndefined } from "./git.ts";
import { findCheckout } from "./place.ts";
import { workLeft } from "./work-left.ts";

export interface MergeResult {
  into: string;
  commit: string;
  /** False if the target had every commit of the branch already. */
  changed: boolean;
}

/**
 * Merges the branch of a worktree into the branch that it was made from, where that is checked out. Rejects with
 * `UnsupportedOperation` and changes nothing if there is a conflict, the target has changes, or the worktree has
 * uncommitted work. With `commit`, the uncommitted work is first committed with that message.
 */
export async function mergeWorktree(
  ports: Pick<Ports, "baseEnv">,
  task: Task & { checkout: Checkout },
  { commit }: { commit: string | null },
): Promise<MergeResult> {
  const git = gitOf(ports);
  const { branch, from } = task.checkout;
  const target = await requireTarget(git, task);
  await requireCommitted(ports, git, task, commit);
  const before = (await git(target, ["rev-parse", "HEAD"])).trim();
  const tip = (await git(target, ["rev-parse", `refs/heads/${branch}`])).trim();
  await requireNoConflict(git, task, target, tip);
  try {
    const message = `Merge branch '${branch}' (task ${task.id})`;
    await git(target, ["merge", "--no-edit", "-m", message, tip]);
  } catch (error) {
    await outputOrUndefined(git(target, ["merge", "--abort"]));
    throw mergeRefusal(task, `git does not merge ${branch} into ${from}: ${messageOf(error)}`);
  }
  const after = (await git(target, ["rev-parse", "HEAD"])).trim();
  return { into: from as string, commit: after, changed: after !== before };
}

async function requireTarget(git: Git, task: Task & { checkout: Checkout }): Promise<string> {
  const { from, git: repository } = task.checkout;
  if (from === null)
    throw mergeRefusal(task, "no branch was checked out where its worktree was made", "git merge it by hand");
  const target = await findCheckout(git, repository, from);
  if (target === undefined)
    throw mergeRefusal(
      task,
      `branch ${from} is checked out nowhere`,
      `git switch ${from} in ${task.checkout.repository}`,
    );
  const changes = await git(target, ["status", "--porcelain", "--untracked-files=no"]);
  if (changes.trim() !== "") {
    const reason = `${target}, where ${from} is checked out, has changes that are not committed`;
    throw mergeRefusal(task, reason, `git -C ${target} stash, or commit them`);
  }
  return target;
}

async function requireCommitted(
  ports: Pick<Ports, "baseEnv">,
  git: Git,
  task: Task & { checkout: Checkout },
  message: string | null,
): Promise<void> {
  const { path } = task.checkout;
  const { changed, untracked } = await workLeft(ports, task.checkout);
  if (changed + untracked === 0) return;
  if (message === null) {
    const reason = `its worktree has changes that are not committed (${changed + untracked} files)`;
    const hint = `agentctl worktree merge ${task.id} --commit "<message>" commits them first`;
    throw mergeRefusal(task, reason, hint);
  }
  await git(path, ["add", "--all"]);
  await git(path, ["commit", "--quiet", "-m", message]);
}

/** Throws if the merge would conflict. It is tried without a working tree, so it changes nothing. */
async function requireNoConflict(
  git: Git,
  task: Task & { checkout: Checkout },
  target: string,
  tip: string,
): Promise<void> {
  try {
    await git(target, ["merge-tree", "--write-tree", "--name-only", "--no-messages", "HEAD", tip]);
  } catch (error) {
    // An exit code other than 1 means that this git cannot try a merge; the merge itself will report conflicts.
    if (!(error instanceof GitFailed) || error.code !== 1) return;
    const files = error.stdout.trim().split("\n").slice(1);
    const { branch, from, path } = task.checkout;
    const hint = `git -C ${path} merge ${from}, settle the conflict there, then agentctl worktree merge ${task.id}`;
    throw mergeRefusal(
      task,
      `${branch} and ${from} are in conflict: ${files.join(", ")}; nothing was changed`,
      hint,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof GitFailed ? error.message : String(error);
}

function mergeRefusal({ id, state }: Task, problem: string, hint?: string): AgentctlError {
  const reason = `task ${id} is not merged: ${problem}`;
  return new AgentctlError("UnsupportedOperation", { id, state, reason, ...(hint ? { hint } : {}) });
}
