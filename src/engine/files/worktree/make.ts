import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Checkout } from "../../../core/checkout.ts";
import type { Ports } from "../../ports.ts";
import { removeTree } from "../tree-files.ts";
import { type Git, GitFailed, gitOf, outputOrUndefined } from "./git.ts";

/**
 * Makes the worktree of a task that has never been started, and replaces the remains of an interrupted try. Rejects
 * with git's error, such as when the branch was made or checked out in the meantime, or the disk is full.
 */
export async function makeWorktree(
  ports: Pick<Ports, "baseEnv">,
  { path, branch, base, isOwn, git: repository }: Checkout,
): Promise<void> {
  const git = gitOf(ports);
  if (existsSync(path)) {
    await outputOrUndefined(git(repository, ["worktree", "remove", "--force", "--force", path]));
    await removeTree(path);
  }
  await git(repository, ["worktree", "prune"]);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const isNew = isOwn && (await tipOf(git, repository, branch)) !== base;
  const creation = git(repository, [
    "worktree",
    "add",
    ...(isNew ? ["-b", branch, path, base] : [path, branch]),
  ]);
  await creation.catch((error) => {
    throw error instanceof GitFailed ? withoutProgress(error) : error;
  });
}

/** Matches git's progress lines, which come first and hide the reason of a failure. */
const PROGRESS = /^(Preparing worktree|Updating files|Checking out files|HEAD is now at)\b/;

/** Returns the failure without git's progress lines. If nothing is left, only the hook can have failed. */
function withoutProgress({ message, code, stdout }: GitFailed): GitFailed {
  const errorLines = message.split(/[\r\n]+/).filter((line) => !PROGRESS.test(line));
  const silentReason = `the hook post-checkout of the repository ended with exit code ${code}, and printed nothing`;
  return new GitFailed(errorLines.join("\n") || silentReason, code, stdout);
}

/** Returns the commit of a branch; undefined if there is no such branch. */
export async function tipOf(git: Git, directory: string, branch: string): Promise<string | undefined> {
  const output = await outputOrUndefined(
    git(directory, ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}^{commit}`]),
  );
  return output?.trim();
}
