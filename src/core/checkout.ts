/** A git worktree of a task, made when the task first starts. */
export interface Checkout {
  /** The path of the worktree, and the branch that is checked out there. */
  path: string;
  branch: string;
  /** The commit that the worktree started from. */
  base: string;
  /** The working tree that it was made from, and the folder that holds the repository. */
  repository: string;
  git: string;
  /** The branch that was checked out in `repository`; null if there was none. */
  from: string | null;
  /** Whether the branch was made for this task, and is removed together with the worktree. */
  isOwn: boolean;
  isMade: boolean;
  /** The working directory that the task was submitted with. */
  cwd: string;
}
