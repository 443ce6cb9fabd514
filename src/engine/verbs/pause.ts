/**
 * Pausing. The order is: record the request, ask, stop at a safe point, store the checkpoint, swap the state,
 * release the slot. A failure while the process lives ends the pause with an error and the task is as it was; once
 * the process is gone, the pause can only finish, in `finish.ts`, which reads every end of an attempt. A pause goes
 * on when the client that asked is gone, and the next daemon finishes what this one recorded.
 */
import { asAgentctlError } from "../../core/errors.ts";
import type { PauseCause, PauseIntent, PauseMode, Task } from "../../core/task.ts";
import type { QueueHold } from "../../store/store.ts";
import { type ActiveAttempt, canCheckpoint, failPause } from "../attempt/active-attempt.ts";
import { causeOf, pauseOf } from "../attempt/conclude.ts";
import { abortPause } from "../attempt/pause/abort.ts";
import { ask, setGrace } from "../attempt/pause/ask.ts";
import { deferred } from "../deferred.ts";
import type { Engine } from "../engine.ts";
import { hasMoved, notPausable } from "../refusals.ts";
import { activeAttemptOf } from "./cancel.ts";

export interface PauseOptions {
  mode?: PauseMode;
  graceMs?: number;
  until?: number | null;
  reason?: string | null;
  actor: string;
  cause: PauseCause;
  /** The selector of a pause that also holds queues. */
  group?: string | null;
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

/**
 * Pauses a task; answers when it is `suspended` and nothing of its tree runs. Pausing a suspended task changes
 * nothing, but a frozen one is pressed further by `mode: "checkpoint"`. Rejects with `TaskNotPausable`.
 */
export async function pause(engine: Engine, ref: string | number, options: PauseOptions): Promise<Paused> {
  for (;;) {
    const task = await engine.require(ref);
    try {
      const paused = await pauseAsIs(engine, task, options);
      if (paused) return paused;
    } catch (error) {
      // It moved on while the request was under way: look again.
      if (!hasMoved(error)) throw error;
    }
  }
}

async function pauseAsIs(engine: Engine, task: Task, options: PauseOptions): Promise<Paused | undefined> {
  if (task.state === "suspended") return await pauseSuspended(engine, task, options);
  if (task.state === "resumed") return { task: await unresume(engine, task, options), changed: true };
  if (task.state !== "working") throw notPausable(task);
  const active = await activeAttemptOf(engine, task);
  return active && (await pauseActive(engine, active, task, options));
}

async function pauseSuspended(engine: Engine, task: Task, options: PauseOptions): Promise<Paused> {
  const active = engine.active.get(task.id);
  if (active?.pausing) return await join(engine, active, options);
  if (!task.frozen || options.mode !== "checkpoint" || !active?.running) return { task, changed: false };
  const request = prepare(engine, active, task, pressed(task, options));
  await record(engine, [request]);
  active.frozen = false;
  engine.fault("pause:before-thaw");
  engine.runner.thaw(active.running);
  engine.fault("pause:after-thaw");
  return await carryOut(engine, request, options);
}

/** To press a frozen task further takes back nothing of the user's pause that it is in. */
function pressed({ pause }: Task, options: PauseOptions): PauseOptions {
  if (pause?.cause !== "user") return options;
  const { until, reason, group } = pause;
  return {
    ...options,
    until: options.until ?? until,
    reason: options.reason ?? reason,
    group: group ?? null,
  };
}

async function unresume(engine: Engine, task: Task, options: PauseOptions): Promise<Task> {
  const { cause, actor, reason = null, until = null, group = null } = options;
  const at = engine.clock.now();
  const before = task.pause ?? { mode: "checkpoint" as const, outcome: null };
  const taken = { mode: before.mode, outcome: before.outcome, cause, actor, reason, at, until, group };
  return await engine.store.apply({
    id: task.id,
    transition: "unresume",
    attempt: task.attempt,
    at,
    cause: cause === "user" ? "pause" : cause,
    actor,
    set: { pause: taken, ...(task.frozen ? { pid: task.pid } : {}) },
  });
}

async function pauseActive(
  engine: Engine,
  active: ActiveAttempt,
  task: Task,
  options: PauseOptions,
): Promise<Paused> {
  if (active.pausing) return await join(engine, active, options);
  if (active.isEnding || active.intent) {
    return options.wait === false ? { task, changed: false } : await afterEnd(active);
  }
  const request = prepare(engine, active, task, options);
  await record(engine, [request]);
  return await carryOut(engine, request, options);
}

/** Something else ends the attempt: what it leads to decides. */
async function afterEnd(active: ActiveAttempt): Promise<Paused> {
  const task = await active.ended.promise;
  if (task.state !== "suspended") throw notPausable(task);
  return { task, changed: true };
}

/**
 * A second request waits for the same end; its grace time, where it names one, holds from now. To be stopped takes none,
 * and what is being stopped is not killed for it.
 */
async function join(engine: Engine, active: ActiveAttempt, options: PauseOptions): Promise<Paused> {
  const { graceMs, wait } = options;
  const { promise } = active.pausing as NonNullable<ActiveAttempt["pausing"]>;
  const isAsked = active.intent?.kind === "pause" && active.intent.mode === "checkpoint";
  if (graceMs !== undefined && isAsked) setGrace(engine, active, graceMs);
  await takeOver(engine, active, options);
  if (wait === false) return { task: await engine.require(active.taskId), changed: true };
  return { task: await promise, changed: true };
}

/** A user's pause that joins the daemon's own is the user's from here on: nothing but the user resumes it. */
async function takeOver(engine: Engine, active: ActiveAttempt, options: PauseOptions): Promise<void> {
  const { intent } = active;
  if (intent?.kind !== "pause" || intent.cause === "user" || options.cause !== "user") return;
  const { cause, actor, reason = null, until = null } = options;
  Object.assign(intent, { cause, actor, reason, until });
  await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent }]);
}

export interface Request {
  active: ActiveAttempt;
  task: Task;
  intent: PauseIntent;
}

/** What is going to be done to a live attempt, before anything of it is. */
export function prepare(engine: Engine, active: ActiveAttempt, task: Task, options: PauseOptions): Request {
  active.pausing = deferred();
  const chosen = options.mode ?? task.pauseMode;
  const auto = canCheckpoint(active) ? "checkpoint" : "freeze";
  const intent: PauseIntent = {
    kind: "pause",
    mode: chosen === "auto" ? auto : chosen,
    cause: options.cause,
    actor: options.actor,
    reason: options.reason ?? null,
    until: options.until ?? null,
    group: options.group ?? null,
    graceMs: options.graceMs ?? task.graceMs ?? engine.settings.pauseGraceMs,
    requestedAt: engine.clock.now(),
    checkpointSeq: task.checkpoint?.seq ?? 0,
  };
  active.intent = intent;
  return { active, task, intent };
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
    for (const { active } of requests) failPause(active, asAgentctlError(error));
    throw error;
  }
}

/** Does what was recorded; answers when the task is suspended, or with `wait: false` at once. */
export async function carryOut(
  engine: Engine,
  request: Request,
  options: { wait?: boolean },
): Promise<Paused> {
  const { active, task, intent } = request;
  if (!active.running) await active.launched;
  // An attempt that ended meanwhile has settled its pause already.
  const promise = active.pausing?.promise ?? active.ended.promise;
  const done =
    intent.mode === "freeze" ? freeze(engine, request) : asked(engine, active, task, intent, promise);
  if (options.wait === false) {
    done.catch((error) => engine.log.warn({ task: task.id, error: String(error) }, "a pause failed"));
    return { task: await engine.require(task.id), changed: true };
  }
  return await done;
}

async function asked(
  engine: Engine,
  active: ActiveAttempt,
  task: Task,
  intent: PauseIntent,
  done: Promise<Task>,
) {
  await ask(engine, active, task, intent);
  return { task: await done, changed: true };
}

/** Stops the tree where it stands. */
async function freeze(engine: Engine, { active, intent }: Request): Promise<Paused> {
  if (active.isEnding || !active.running) return await afterEnd(active);
  const running = active.running;
  try {
    await Promise.race([running.started.catch(() => {}), running.ended]);
    engine.fault("pause:before-freeze");
    const { processes, residentBytes } = await engine.runner.freeze(running);
    engine.fault("pause:after-freeze");
    if (engine.runner.isGone(running)) {
      // It ended before it could be stopped, and its guard is to say how.
      engine.runner.thaw(running);
      return await afterEnd(active);
    }
    await active.steps?.take();
    if (active.isEnding || active.intent !== intent) return await afterEnd(active);
    const task = await engine.store.apply({
      id: active.taskId,
      transition: "suspend",
      attempt: active.attempt,
      at: engine.clock.now(),
      cause: causeOf(intent),
      actor: intent.actor,
      set: {
        frozen: true,
        pid: running.program?.pid ?? null,
        pause: pauseOf(intent, "frozen", engine.clock.now()),
      },
      ranMs: Math.round(engine.clock.mono() - active.workingSince),
    });
    active.frozen = true;
    if (active.intent === intent) active.intent = null;
    if (active.timeout) clearTimeout(active.timeout);
    active.pausing?.resolve(task);
    active.pausing = null;
    engine.kick();
    return { task, changed: true, memoryBytes: residentBytes, processes };
  } catch (error) {
    return await undoFreeze(engine, active, error);
  }
}

async function undoFreeze(engine: Engine, active: ActiveAttempt, cause: unknown): Promise<Paused> {
  if (active.isEnding || hasMoved(cause) || active.intent?.kind !== "pause") return await afterEnd(active);
  if (active.running) engine.runner.thaw(active.running);
  const error = asAgentctlError(cause);
  await abortPause(engine, active, error);
  throw error;
}
