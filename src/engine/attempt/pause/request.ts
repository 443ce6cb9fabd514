/** A pause that is asked for: what is to be done, on record before anything of it is done. */
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
  /** What ends the pause by itself. */
  resumesWith?: ResumesWith;
  /** Answer as soon as the request is durable. */
  wait?: boolean;
}

export interface Paused {
  task: Task;
  changed: boolean;
  /** Resident memory that a freeze leaves in use, in bytes, and in how many processes. */
  memoryBytes?: number;
  processes?: number;
}

export interface Request {
  active: ActiveAttempt;
  task: Task;
  intent: PauseIntent;
}

/** What is going to be done to an active attempt, before anything of it is. */
export function prepare(engine: Engine, active: ActiveAttempt, task: Task, options: PauseOptions): Request {
  const intent = intentFor(engine, task, options, active.canCheckpoint ? "checkpoint" : "freeze");
  active.request(intent);
  return { active, task, intent };
}

/** The request as it is kept; `auto` is the way of pausing where nobody has chosen one. */
export function intentFor(
  engine: Engine,
  task: Task,
  options: PauseOptions,
  auto: PauseIntent["mode"] = "freeze",
): PauseIntent {
  const chosen = options.mode ?? task.pauseMode;
  return {
    kind: "pause",
    mode: chosen === "auto" ? auto : chosen,
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

/** Makes requests durable, with the queues that are held by the same pause; all or none. */
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

/** Something else ends the attempt: what it leads to decides. */
export async function afterEnd(active: ActiveAttempt): Promise<Paused> {
  const task = await active.ended.promise;
  if (task.state !== "suspended") throw notPausable(task);
  return { task, changed: true };
}
