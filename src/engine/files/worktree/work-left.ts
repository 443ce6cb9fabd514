/** Finds the work in a worktree that exists nowhere else, and removes worktrees. */
import { existsSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Checkout } from "../../../core/checkout.ts";
import { AgentctlError } from "../../../core/errors.ts";
import type { Task } from "../../../core/task.ts";
import type { Ports } from "../../ports.ts";
import { removeTree } from "../tree-files.ts";
import { type Git, GitFailed, gitOf, outputOrUndefined } from "./git.ts";
import { tipOf } from "./make.ts";

/** What removing a worktree would lose: uncommitted files, and commits on no other branch, tag or remote. */
export interface WorkLeft {
  changed: number;
  untracked: number;
  commits: number;
}

/** Counts what would be lost; ignored files do not count. Rejects with {@link GitFailed} if git cannot read it. */
export async function workLeft(ports: Pick<Ports, "baseEnv">, checkout: Checkout): Promise<WorkLeft> {
  const { path, isMade } = checkout;
  if (!isMade || !existsSync(path)) return { changed: 0, untracked: 0, commits: 0 };
  const git = gitOf(ports);
  const status = await git(path, ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal"]);
  const files = status.split("\0").filter((line) => line !== "");
  const untracked = files.filter((line) => line.startsWith("??")).length;
  return { changed: files.length - untracked, untracked, commits: await ownCommits(git, checkout) };
}

async function ownCommits(git: Git, { path, branch, isOwn }: Checkout): Promise<number> {
  const ownRefs = isOwn && (await tipOf(git, path, branch)) !== undefined ? [`refs/heads/${branch}`] : [];
  const others = [...(isOwn ? [`--exclude=${branch}`] : []), "--branches", "--tags", "--remotes"];
  return Number(await git(path, ["rev-list", "--count", "HEAD", ...ownRefs, "--not", ...others]));
}

/** Describes what would be lost; returns undefined if nothing would. */
function describeWork({ changed, untracked, commits }: WorkLeft): string | undefined {
  const counts = [
    [changed, "changed file", "changed files"],
    [untracked, "untracked file", "untracked files"],
    [commits, "commit on no other branch", "commits on no other branch"],
  ] as const;
  const parts = counts.filter(([n]) => n > 0).map(([n, one, many]) => `${n} ${n === 1 ? one : many}`);
  return parts.length === 0 ? undefined : parts.join(", ");
}

/**
 * Removes the worktree of a task, and the branch that was made for it if all its commits are elsewhere too. Without
 * `force`, rejects with `UnsupportedOperation` if some of its work exists nowhere else. If the worktree is gone, a
 * branch with commits of its own stays.
 */
export async function removeWorktree(
  ports: Pick<Ports, "baseEnv">,
  task: Task,
  { force }: { force: boolean },
): Promise<{ branch: "kept" | "deleted"; tip: string | null }> {
  const { checkout } = task;
  if (!checkout) return { branch: "kept", tip: null };
  const git = gitOf(ports);
  const tip = await tipOf(git, checkout.git, checkout.branch).catch(() => undefined);
  if (!force) await requireNothingLeft(ports, task, checkout);
  const wasMade = checkout.isMade || existsSync(checkout.path);
  // A worktree that was not completely made has no work in it.
  if (existsSync(checkout.path)) await removePath(git, checkout, force || !checkout.isMade);
  try {
    rmdirSync(dirname(checkout.path));
  } catch {
    // The folder is not empty, or it is gone.
  }
  const isBranchDeleted =
    tip !== undefined && wasMade && (await dropBranch(git, checkout, tip, force && checkout.isMade));
  return { branch: isBranchDeleted ? "deleted" : "kept", tip: tip ?? null };
}

async function requireNothingLeft(
  ports: Pick<Ports, "baseEnv">,
  { id, state }: Task,
  checkout: Checkout,
): Promise<void> {
  const refuse = (reason: string, hint: string) =>
    new AgentctlError("UnsupportedOperation", { id, state, reason, hint, path: checkout.path });
  const work = await workLeft(ports, checkout).catch((error: GitFailed) => {
    const reason = `cannot find out whether the worktree of task ${id} has work that exists nowhere else: ${error.message}`;
    throw refuse(reason, `ls ${checkout.path}; --force removes it all the same`);
  });
  const text = describeWork(work);
  if (text === undefined) return;
  const reason = `the worktree of task ${id} has work that exists nowhere else: ${text}`;
  throw refuse(reason, `agentctl worktree merge ${id}, agentctl diff ${id}, or --force, which discards it`);
}

/** Removes the worktree; without `force`, git itself refuses if it has changed since our check. */
async function removePath(git: Git, { path, git: repository }: Checkout, force: boolean): Promise<void> {
  try {
    await git(repository, ["worktree", "remove", ...(force ? ["--force", "--force"] : []), path]);
  } catch (error) {
    if (!force)
      throw new AgentctlError("UnsupportedOperation", { reason: `git keeps ${path}: ${messageOf(error)}` });
    // The repository may be gone, or the worktree broken.
    await removeTree(path);
    await outputOrUndefined(git(repository, ["worktree", "prune"])).catch(() => undefined);
  }
}

function messageOf(error: unknown): string {
  return error instanceof GitFailed ? error.message : String(error);
}

/** Deletes the branch, but only if it still points to the commit that we checked. */
async function dropBranch(
  git: Git,
  { git: repository, branch, isOwn }: Checkout,
  tip: string,
  force: boolean,
): Promise<boolean> {
  if (!isOwn) return false;
  const reference = `refs/heads/${branch}`;
  const others = ["--not", `--exclude=${branch}`, "--branches", "--tags", "--remotes"];
  const unmerged = Number(await git(repository, ["rev-list", "--count", tip, ...others]));
  if (unmerged > 0 && !force) return false;
  return (await outputOrUndefined(git(repository, ["update-ref", "-d", reference, tip]))) !== undefined;
}
