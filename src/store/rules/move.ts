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
export interface Moved {
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
 * change names one; null means the beginning. `here` is the machine of an attempt that begins. Throws
 * {@link IllegalMove} and `StaleAttempt`.
 */
export function moved(
  before: Task,
  change: Change,
  chosen?: CheckpointInfo | null,
  here: string | null = null,
): Moved {
  if (change.attempt !== undefined && change.attempt !== before.attempt) {
    throw new AgentctlError("StaleAttempt", { id: before.id, state: before.state, attempt: change.attempt });
  }
  if (change.cause !== MOVED) refuseMoving(before);
  const to = next(before.state, change.transition);
  const isAnswered = change.question !== undefined && change.question !== before.question?.at;
  if (to === undefined || isAnswered) throw new IllegalMove(before, change.transition);
  const from = chosen === undefined ? before : continuedFrom(before, chosen);
  const after = settled({ ...from, state: to }, before, change);
  const task = { ...after, machine: placeOf(after, change.begin ? here : before.machine) };
  const { at, actor, cause } = change;
  const attempt = task.attempt || null;
  const data = change.data ?? pauseData(before, task);
  return { task, event: { at, actor, cause, task: task.id, attempt, from: before.state, to, data } };
}

/** Returns the machine of a task: that of its process, or null if it has none. */
export function placeOf({ state, frozen }: Task, machine: string | null): string | null {
  return state === "working" || frozen ? machine : null;
}

/** Drops what came after the checkpoint from which the task continues: journaled steps and the question. */
function continuedFrom(task: Task, chosen: CheckpointInfo | null): Task {
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
function phaseOver({ state, phaseAt }: Task, { at, end }: Change): number {
  const over = state === "working" && end ? Math.min(end.endedAt, at) : at;
  return Math.max(over, phaseAt);
}

/** Returns the task with the fields that follow from leaving one state and entering another. */
function settled(task: Task, before: Task, change: Change): Task {
  const over = phaseOver(before, change);
  return {
    ...task,
    ...phaseTimes(before, change, over - before.phaseAt),
    intent: null,
    resumesWith: null,
    phaseAt: over,
    updatedAt: change.at,
    ...(task.state === "working" ? atWork(task, change) : {}),
    ...(change.begin ? begun(before, change.begin) : {}),
    ...(isTerminal(task.state) ? { ...ended, endedAt: over } : {}),
    ...change.set,
  };
}

function phaseTimes(before: Task, { ranMs }: Change, inPhase: number): Partial<Task> {
  if (before.state === "suspended") return { pausedMs: before.pausedMs + inPhase };
  if (before.state !== "working") return {};
  const ran = ranMs ?? inPhase;
  // If the wall clock counts more than the machine's own clock, the machine slept. Small differences are noise.
  const slept = inPhase - ran;
  const worked = Math.abs(slept) < CLOCK_NOISE_MS ? inPhase : ran;
  return {
    runMs: before.runMs + worked,
    attemptRunMs: before.attemptRunMs + worked,
    pausedMs: before.pausedMs + (slept < CLOCK_NOISE_MS ? 0 : slept),
    pid: null,
  };
}

function atWork({ startedAt }: Task, { at }: Change): Partial<Task> {
  const nothing = { notBefore: null, delay: null, exitCode: null, signal: null, error: null };
  return { ...nothing, startedAt: startedAt ?? at };
}

function begun({ attempt }: Task, { pid = null, slotNumbers = null }: NonNullable<Change["begin"]>) {
  return { attempt: attempt + 1, attemptRunMs: 0, pid, slotNumbers };
}

const ended = {
  question: null,
  pauseAt: null,
  held: false,
  frozen: false,
  pid: null,
  notBefore: null,
  delay: null,
} as const;
