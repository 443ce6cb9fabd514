import { defined } from "../core/defined.ts";
import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import { isCutShort, openStates, pausableStates, transitions } from "../core/machine.ts";
import type { Task } from "../core/task.ts";
import { IllegalMove } from "../store/store.ts";

/** Returns the error for pausing a task that is not running. */
export function notPausable(task: Task, reason?: string): AgentctlError {
  if (isMoved(task)) return movedAway(task);
  return refusal("TaskNotPausable", task, pausableStates, reason);
}

/** Returns the error for resuming a task that is not suspended. */
export function notResumable(task: Task, reason?: string): AgentctlError {
  if (isMoved(task)) return movedAway(task);
  const hint = canBeContinued(task)
    ? `agentctl rerun ${task.id} --continue goes on where it stopped`
    : undefined;
  return refusal("TaskNotResumable", task, transitions.resume.from, reason, hint);
}

/** Returns whether a new task can continue where this one failed or was canceled. */
function canBeContinued({ state, kind, checkpoint, journaled }: Task): boolean {
  return isCutShort(state) && kind !== "agent" && (checkpoint !== null || journaled);
}

function isMoved({ error }: Task): boolean {
  return error?.name === "Moved";
}

/** Throws `Moved` for a task that is in another home now: it has ended only here, and nothing may be done to it. */
export function refuseMoved(task: Task): void {
  if (isMoved(task)) throw movedAway(task);
}

/** Returns the error for a task that is in another home now. */
export function movedAway({ id, state, error }: Task): AgentctlError {
  return new AgentctlError("Moved", { ...error?.data, id, state });
}

/** Returns the error for canceling a task that has ended. */
export function notCancelable(task: Task): AgentctlError {
  return refusal("TaskNotCancelable", task, openStates);
}

function refusal(
  name: "TaskNotPausable" | "TaskNotResumable" | "TaskNotCancelable",
  { id, state }: Task,
  allowed: readonly string[],
  reason?: string,
  hint?: string,
): AgentctlError {
  return new AgentctlError(name, { id, state, allowed, ...defined({ reason }) }, defined({ hint }));
}

/** Returns whether `error` means that the task has changed state since it was read. */
export function hasMoved(error: unknown): boolean {
  return error instanceof IllegalMove || asAgentctlError(error).name === "StaleAttempt";
}
