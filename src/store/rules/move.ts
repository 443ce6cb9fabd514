/**
 * Computes what a move makes of a task. Pure: from the task and the change to the rows that must be written together.
 * The store writes them only if the task is still in the state and attempt from which they were computed.
 */
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal, next } from "../../core/machine.ts";
import type { CheckpointInfo, Task, TaskEvent } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import { type Change, IllegalMove } from "../store.ts";

/** The rows of one move. */
export interface MoveResult {
  task: Task;
  event: Omit<TaskEvent, "seq">;
}

/** The cause of the event that ends a task because it is now in another home. */
const MOVED = "moved";

/** Throws for a task that is on its way to another home. Nothing may change it: it was already read for the move. */
export function refuseMoving({ id, state, moving }: Task): void {
  if (!moving) return;
  const reason = `task ${id} is on its way to ${moving.to}`;
  const hint = `agentctl move ${id} --to ${moving.to} finishes that, agentctl move ${id} --abort takes it back`;
  throw new AgentctlError("UnsupportedOperation", { id, state, reason, hint, moving: moving.move });
}

/** How far the two clocks may differ, in ms, before the difference counts as sleep. */
const CLOCK_NOISE_MS = 1000;

/**
 * Returns the task after `change`, and its event. `chosen` is the checkpoint from which the task continues, if the
 * change names one; null means the beginning. `machine` is the machine of an attempt that begins. Throws
 * {@link IllegalMove} and `StaleAttempt`.
 */
export function applyChange(
  before: Task,
  change: Change,
  chosen?: CheckpointInfo | null,
  machine: string | null = null,
): MoveResult {
  if (change.attempt !== undefined && change.attempt !== before.attempt) {
    throw new AgentctlError("StaleAttempt", { id: before.id, state: before.state, attempt: change.attempt });
  }
  if (change.cause !== MOVED) refuseMoving(before);
  const to = next(before.state, change.transition);
  const isAnswered = change.question !== undefined && change.question !== before.question?.at;
  if (to === undefined || isAnswered) throw new IllegalMove(before, change.transition);
  const from = chosen === undefined ? before : rewindTo(before, chosen);
  const after = enterState({ ...from, state: to }, before, change);
  const task = { ...after, machine: machineOf(after, change.begin ? machine : before.machine) };
  const { at, actor, cause } = change;
  const attempt = task.attempt || null;
  const data = change.data ?? pauseData(before, task);
  return { task, event: { at, actor, cause, task: task.id, attempt, from: before.state, to, data } };
}

/** Returns the machine of a task: that of its process, or null if it has none. */
export function machineOf({ state, frozen }: Task, machine: string | null): string | null {
  return state === "working" || frozen ? machine : null;
}

/** Drops what came after the checkpoint from which the task continues: journaled steps and the question. */
function rewindTo(task: Task, chosen: CheckpointInfo | null): Task {
  return {
    ...task,
    checkpoint: chosen && { ...chosen, superseded: false },
    journaled: (chosen?.position ?? 0) > 0,
    progress: chosen ? task.progress : null,
    question: null,
  };
}

/** Returns the pause as data of its event, because the task keeps only its last pause; null if no pause began. */
export function pauseData(before: Task, { state, pause }: Task): Record<string, unknown> | null {
  if (state !== "suspended" || !pause || pause === before.pause) return null;
  const { mode, outcome, reason, until } = pause;
  return { mode, outcome, reason, until: toIso(until) };
}

/** Returns when the phase ended. Work ends with its process, perhaps long before a daemon records that. */
function phaseEnd({ state, phaseAt }: Task, { at, end }: Change): number {
  const endedAt = state === "working" && end ? Math.min(end.endedAt, at) : at;
  return Math.max(endedAt, phaseAt);
}

/** Returns the task with the fields that follow from leaving one state and entering another. */
function enterState(task: Task, before: Task, change: Change): Task {
  const endedAt = phaseEnd(before, change);
  return {
    ...task,
    ...phaseTimes(before, change, endedAt - before.phaseAt),
    intent: null,
    resumesWith: null,
    phaseAt: endedAt,
    updatedAt: change.at,
    ...(task.state === "working" ? workFields(task, change) : {}),
    ...(change.begin ? attemptFields(before, change.begin) : {}),
    ...(isTerminal(task.state) ? { ...endFields, endedAt } : {}),
    ...change.set,
  };
}

function phaseTimes(before: Task, { ranMs }: Change, phaseMs: number): Partial<Task> {
  if (before.state === "suspended") return { pausedMs: before.pausedMs + phaseMs };
  if (before.state !== "working") return {};
  const activeMs = ranMs ?? phaseMs;
  // If the wall clock counts more than the machine's own clock, the machine slept. Small differences are noise.
  const sleptMs = phaseMs - activeMs;
  const workedMs = Math.abs(sleptMs) < CLOCK_NOISE_MS ? phaseMs : activeMs;
  return {
    runMs: before.runMs + workedMs,
    attemptRunMs: before.attemptRunMs + workedMs,
    pausedMs: before.pausedMs + (sleptMs < CLOCK_NOISE_MS ? 0 : sleptMs),
    pid: null,
  };
}

function workFields({ startedAt }: Task, { at }: Change): Partial<Task> {
  const cleared = { notBefore: null, delay: null, exitCode: null, signal: null, error: null };
  return { ...cleared, startedAt: startedAt ?? at };
}

function attemptFields({ attempt }: Task, { pid = null, slotNumbers = null }: NonNullable<Change["begin"]>) {
  return { attempt: attempt + 1, attemptRunMs: 0, pid, slotNumbers };
}

const endFields = {
  question: null,
  pauseAt: null,
  held: false,
  frozen: false,
  pid: null,
  notBefore: null,
  delay: null,
} as const;
