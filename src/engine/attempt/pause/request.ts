/** Requests to pause. A request is recorded before any part of it is carried out. */
import { asAgentctlError } from "../../../core/errors.ts";
import type { PauseCause, PauseIntent, PauseMode, ResumesWith, Task } from "../../../core/task.ts";
import type { QueueHold } from "../../../store/store.ts";
import type { Engine } from "../../engine.ts";
import { notPausable } from "../../refusals.ts";
import type { ActiveAttempt } from "../active-attempt.ts";

export interface PauseOptions {
  mode?: PauseMode;
  graceMs?: number;
  until?: number | null;
  reason?: string | null;
  actor: string;
  cause: PauseCause;
  /** The selector of a pause that also holds queues. */
  group?: string | null;
  /** What resumes the task without a request: a free slot or free memory. */
  resumesWith?: ResumesWith;
  /** False: resolve as soon as the request is durable. */
  wait?: boolean;
}

export interface Paused {
  task: Task;
  changed: boolean;
  /** Resident memory that frozen processes still use, in bytes, and the number of these processes. */
  memoryBytes?: number;
  processes?: number;
}

export interface Request {
  active: ActiveAttempt;
  task: Task;
  intent: PauseIntent;
}

/** Makes the request to pause an active attempt; does not carry it out. */
export function prepare(engine: Engine, active: ActiveAttempt, task: Task, options: PauseOptions): Request {
  const intent = intentFor(engine, task, options, active.canCheckpoint ? "checkpoint" : "freeze");
  active.request(intent);
  return { active, task, intent };
}

/** Returns the request as it is stored. `defaultMode` is the mode if neither the caller nor the task has chosen one. */
export function intentFor(
  engine: Engine,
  task: Task,
  options: PauseOptions,
  defaultMode: PauseIntent["mode"] = "freeze",
): PauseIntent {
  const chosen = options.mode ?? task.pauseMode;
  return {
    kind: "pause",
    mode: chosen === "auto" ? defaultMode : chosen,
    cause: options.cause,
    actor: options.actor,
    reason: options.reason ?? null,
    until: options.until ?? null,
    group: options.group ?? null,
    resumesWith: options.resumesWith ?? null,
    graceMs: options.graceMs ?? task.graceMs ?? engine.settings.pauseGraceMs,
    requestedAt: engine.clock.now(),
    ...(engine.cluster ? { from: engine.cluster.machine } : {}),
    checkpointSeq: task.checkpoint?.seq ?? 0,
  };
}

/** Makes requests durable, with the hold of queues that belongs to the same pause: all or nothing. */
export async function record(engine: Engine, requests: Request[], hold?: QueueHold): Promise<void> {
  try {
    const intents = requests.map(({ active, intent }) => ({
      id: active.taskId,
      attempt: active.attempt,
      intent,
    }));
    await engine.store.intend(intents, hold);
    engine.fault("pause:after-request");
  } catch (error) {
    for (const { active } of requests) active.failPause(asAgentctlError(error));
    throw error;
  }
}

/** Waits for the end of an attempt that something else ends. Rejects unless the task is then suspended. */
export async function afterEnd(active: ActiveAttempt): Promise<Paused> {
  const task = await active.ended.promise;
  if (task.state !== "suspended") throw notPausable(task);
  return { task, changed: true };
}
