import { defined } from "../core/defined.ts";
import { AgentctlError, asAgentctlError } from "../core/errors.ts";
import { isCutShort, openStates, pausableStates, transitions } from "../core/machine.ts";
import type { Task } from "../core/task.ts";
import { IllegalMove } from "../store/store.ts";

/** A task that is not running cannot be paused. */
export function notPausable(task: Task, reason?: string): AgentctlError {
  if (isMoved(task)) return movedAway(task);
  return refusal("TaskNotPausable", task, pausableStates, reason);
}

/** A task that is not suspended cannot be resumed. */
export function notResumable(task: Task, reason?: string): AgentctlError {
  if (isMoved(task)) return movedAway(task);
  const hint = canBeContinued(task)
    ? `agentctl rerun ${task.id} --continue goes on where it stopped`
    : undefined;
  return refusal("TaskNotResumable", task, transitions.resume.from, reason, hint);
}

/** Whether another task can go on where this one failed or was canceled. */
function canBeContinued({ state, kind, checkpoint, journaled }: Task): boolean {
  return isCutShort(state) && kind !== "agent" && (checkpoint !== null || journaled);
}

function isMoved({ error }: Task): boolean {
  return error?.name === "Moved";
}

/** Throws `Moved` for a task that is in another home now: nothing is done to it here, as it has ended here alone. */
export function refuseMoved(task: Task): void {
  if (isMoved(task)) throw movedAway(task);
}

/** A task that is in another home now. */
export function movedAway({ id, state, error }: Task): AgentctlError {
  return new AgentctlError("Moved", { ...error?.data, id, state });
}

/** A task that has ended cannot be canceled. */
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

/** Whether `error` says that the task has moved on since it was read. */
export function hasMoved(error: unknown): boolean {
  return error instanceof IllegalMove || asAgentctlError(error).name === "StaleAttempt";
}
