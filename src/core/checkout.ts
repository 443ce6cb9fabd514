/** A git worktree of a task, which is made when the task is first started. */
export interface Checkout {
  /** Where it is, and the branch that is checked out there. */
  path: string;
  branch: string;
  /** The commit from which it began. */
  base: string;
  /** The working tree from which it was made, and the folder that holds the repository. */
  repository: string;
  git: string;
  /** The branch that was checked out there; null where none was. */
  from: string | null;
  /** The branch was made for this task, and goes with the worktree. */
  isOwn: boolean;
  isMade: boolean;
  /** The directory for which the task was submitted. */
  cwd: string;
}
