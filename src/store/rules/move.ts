/**
 * What a move makes of a task. Pure: from the task and the change to the rows that are to be written together. The store
 * writes them where the task is still in the state and attempt that they were made from.
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

/** The cause of the end of a task that is in another home now. */
const MOVED = "moved";

/** Nothing becomes of a task that is on its way to another home: what it is there was read already. */
export function refuseMoving({ id, state, moving }: Task): void {
  if (!moving) return;
  const reason = `task ${id} is on its way to ${moving.to}`;
  const hint = `agentctl move ${id} --to ${moving.to} finishes that, agentctl move ${id} --abort takes it back`;
  throw new AgentctlError("UnsupportedOperation", { id, state, reason, hint, moving: moving.move });
}

/** So far the two clocks may differ without anything having happened. */
const CLOCK_NOISE_MS = 1000;

/**
 * The task after `change`, and its event. `chosen` is the checkpoint from which it continues, where the change names
 * one; null for the beginning; `here` is the machine of an attempt that begins. Throws {@link IllegalMove} and `StaleAttempt`.
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

/** The machine of a task: that of its process, where it has one. */
export function placeOf({ state, frozen }: Task, machine: string | null): string | null {
  return state === "working" || frozen ? machine : null;
}

/** A task that goes on from a checkpoint knows nothing of what came after it: neither steps nor a question. */
function continuedFrom(task: Task, chosen: CheckpointInfo | null): Task {
  return {
    ...task,
    checkpoint: chosen && { ...chosen, superseded: false },
    journaled: (chosen?.position ?? 0) > 0,
    progress: chosen ? task.progress : null,
    question: null,
  };
}

/** A pause is told with its event: the task keeps only the last one. */
export function pauseData(before: Task, { state, pause }: Task): Record<string, unknown> | null {
  if (state !== "suspended" || !pause || pause === before.pause) return null;
  const { mode, outcome, reason, until } = pause;
  return { mode, outcome, reason, until: toIso(until) };
}

/** Work is over with its process, which may have ended long before a daemon came to record it. */
function phaseOver({ state, phaseAt }: Task, { at, end }: Change): number {
  const over = state === "working" && end ? Math.min(end.endedAt, at) : at;
  return Math.max(over, phaseAt);
}

/** The fields that follow from leaving one state and entering another. */
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
  // What the wall clock counts and the machine's own does not is time that it slept; small differences are noise.
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
