/** Operations on the git worktrees of tasks. */

import type { Checkout } from "../../core/checkout.ts";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal, terminalStates } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { type ChangedFile, changedFiles, type DiffForm, diffText } from "../files/worktree/diff.ts";
import { GitFailed } from "../files/worktree/git.ts";
import { type MergeResult, mergeWorktree } from "../files/worktree/merge.ts";
import { removeWorktree, type WorkLeft, workLeft } from "../files/worktree/work-left.ts";

type WithCheckout = Task & { checkout: Checkout };

/** The files that differ from the base, and the work that exists nowhere else. */
export interface WorktreeFacts {
  files: ChangedFile[];
  left: WorkLeft;
}

/** Returns the changes in a task's worktree, and the work only there; null if it has no worktree, or git fails. */
export async function worktreeFacts(engine: Engine, { checkout }: Task): Promise<WorktreeFacts | null> {
  if (!checkout?.isMade) return null;
  try {
    const [files, left] = await Promise.all([changedFiles(engine, checkout), workLeft(engine, checkout)]);
    return { files, left };
  } catch {
    return null;
  }
}

/** Returns the diff between a task's worktree and its base. Rejects with `UnsupportedOperation` without a worktree. */
export async function diffWorktree(
  engine: Engine,
  ref: string | number,
  options: { form: DiffForm; color: boolean },
): Promise<{ task: WithCheckout; text: string; files: ChangedFile[] }> {
  const task = await requireWorktree(engine, ref);
  return await refuseOnGitFailure(task, async () => ({
    task,
    text: await diffText(engine, task.checkout, options),
    files: await changedFiles(engine, task.checkout),
  }));
}

/** Merges a task's branch into the branch that its worktree was made from; see {@link mergeWorktree}. */
export async function merge(
  engine: Engine,
  ref: string | number,
  { commit }: { commit: string | null },
): Promise<{ task: WithCheckout; merged: MergeResult }> {
  const task = await requireWorktree(engine, ref);
  if (task.pid !== null || task.state === "working") {
    const hint = `agentctl wait ${task.id}, or agentctl pause ${task.id}`;
    throw worktreeRefusal(task, `task ${task.id} still works in its worktree`, hint);
  }
  return { task, merged: await refuseOnGitFailure(task, () => mergeWorktree(engine, task, { commit })) };
}

/** Removes the worktree of an ended task but not the task; see {@link removeWorktree}. */
export async function dropWorktree(
  engine: Engine,
  ref: string | number,
  { force }: { force: boolean },
): Promise<{ task: WithCheckout; branch: "kept" | "deleted"; tip: string | null }> {
  const task = await requireWorktree(engine, ref);
  if (!isTerminal(task.state)) {
    const reason = `task ${task.id} is ${task.state}: only the worktree of a task that has ended can be removed`;
    throw worktreeRefusal(task, reason, `agentctl cancel ${task.id}`, { allowed: terminalStates });
  }
  return await refuseOnGitFailure(task, async () => ({
    task,
    ...(await removeWorktree(engine, task, { force })),
  }));
}

async function requireWorktree(engine: Engine, ref: string | number): Promise<WithCheckout> {
  const task = await engine.require(ref);
  const { id, checkout } = task;
  if (!checkout)
    throw worktreeRefusal(task, `task ${id} has no worktree`, "agentctl run --agent <name> --worktree");
  if (!checkout.isMade)
    throw worktreeRefusal(task, `the worktree of task ${id} is made when it starts`, `agentctl show ${id}`);
  return { ...task, checkout };
}

async function refuseOnGitFailure<T>(task: Task, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof GitFailed)) throw error;
    throw worktreeRefusal(task, `git: ${error.message}`, `git -C ${task.checkout?.path} status`);
  }
}

function worktreeRefusal(
  { id, state }: Task,
  reason: string,
  hint: string,
  data: object = {},
): AgentctlError {
  return new AgentctlError("UnsupportedOperation", { id, state, reason, hint, ...data });
}
