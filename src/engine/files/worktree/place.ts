/** The worktree of a task that was submitted with `worktree`. */
import { basename, join } from "node:path";
import type { Checkout } from "../../../core/checkout.ts";
import { AgentctlError } from "../../../core/errors.ts";
import type { Task } from "../../../core/task.ts";
import type { Ports } from "../../ports.ts";
import { type Git, GitFailed, gitOf, outputOrUndefined } from "./git.ts";

interface WorktreeRequest {
  cwd: string;
  /** true for a new branch that is named after the task. */
  branch: string | true;
  /** The title of the task, for the name of its branch. */
  title: string;
}

type PlaceForTask = (id: number) => Pick<Task, "cwd" | "checkout">;

/**
 * Returns a function from the id of a task to its worktree, which is not made yet. Throws `InvalidParams`, field
 * `worktree`, outside a git repository, in one without a commit, and if the branch is invalid or checked out elsewhere.
 */
export async function placeWorktree(
  ports: Pick<Ports, "baseEnv" | "places">,
  request: WorktreeRequest,
): Promise<PlaceForTask> {
  const git = gitOf(ports);
  const { cwd, branch } = request;
  const repository = await repositoryOf(git, cwd);
  const requestedBranch = branch === true ? null : await requireBranch(git, cwd, branch);
  const base = requestedBranch?.commit ?? repository.head;
  return (id) => {
    const name = branch === true ? `agentctl/${[id, ...slugParts(request.title)].join("-")}` : branch;
    const path = join(ports.places.worktrees, String(id), basename(repository.root));
    const checkout: Checkout = {
      path,
      branch: name,
      base,
      repository: repository.root,
      git: repository.git,
      from: repository.branch,
      isOwn: requestedBranch?.commit === undefined,
      isMade: false,
      cwd,
    };
    return { cwd: join(path, repository.below), checkout };
  };
}

async function repositoryOf(git: Git, cwd: string) {
  const output = await git(cwd, ["rev-parse", "--show-toplevel", "--show-prefix", "--git-common-dir"]).catch(
    (error: unknown) => {
      const message = error instanceof GitFailed ? error.message : String(error);
      throw worktreeRefusal(`${cwd} is in no git working tree: ${message.split("\n")[0]}`, "git init");
    },
  );
  const [root = "", below = "", common = ""] = output.split("\n");
  const head = (
    await outputOrUndefined(git(cwd, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]))
  )?.trim();
  if (!head)
    throw worktreeRefusal(
      `the repository ${root} has no commit yet, from which a worktree could begin`,
      "git commit",
    );
  const branch =
    (await outputOrUndefined(git(cwd, ["symbolic-ref", "--quiet", "--short", "HEAD"])))?.trim() ?? null;
  const path = join(common.startsWith("/") ? "" : cwd, common);
  return { root, below: below.replace(/\/$/, ""), git: path, head, branch };
}

/** Checks a given branch name; returns its commit, or undefined if the branch does not exist yet. */
async function requireBranch(git: Git, cwd: string, branch: string): Promise<{ commit: string | undefined }> {
  const isName = !branch.startsWith("-") && (await isBranchName(git, cwd, branch));
  if (!isName) throw worktreeRefusal(`${JSON.stringify(branch)} is not the name of a branch`);
  const commit = (
    await outputOrUndefined(git(cwd, ["rev-parse", "--verify", "--quiet", `refs/heads/${branch}^{commit}`]))
  )?.trim();
  const place = commit === undefined ? undefined : await findCheckout(git, cwd, branch);
  if (place !== undefined) {
    const hint = "another name makes a branch of its own; git worktree list shows which are checked out";
    throw worktreeRefusal(`branch ${branch} is checked out in ${place}`, hint);
  }
  return { commit };
}

async function isBranchName(git: Git, cwd: string, branch: string): Promise<boolean> {
  const output = await outputOrUndefined(git(cwd, ["check-ref-format", "--branch", branch]));
  return output?.trim() === branch;
}

/** Returns the working tree in which a branch is checked out. */
export async function findCheckout(git: Git, directory: string, branch: string): Promise<string | undefined> {
  const entries = (await git(directory, ["worktree", "list", "--porcelain"])).split("\n\n");
  const entry = entries.find((each) => each.split("\n").includes(`branch refs/heads/${branch}`));
  return entry && /^worktree (.*)$/m.exec(entry)?.[1];
}

const MAX_SLUG_CHARS = 40;

/** Returns the start of a title in a form that is valid in a branch name. */
function slugParts(title: string): string[] {
  const slug = title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MAX_SLUG_CHARS)
    .replace(/^-+|-+$/g, "");
  return slug === "" ? [] : [slug];
}

function worktreeRefusal(reason: string, hint?: string): AgentctlError {
  return new AgentctlError("InvalidParams", { field: "worktree", reason }, hint ? { hint } : {});
}
