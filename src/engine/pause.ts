/**
 * Pausing. The order is: record the request, ask, stop at a safe point, store the checkpoint, swap the state,
 * release the slot. A failure while the process lives ends the pause with an error and the task is as it was; once
 * the process is gone, the pause can only finish, in `finish.ts`, which reads every end of an attempt. A pause goes
 * on when the client that asked is gone, and the next daemon finishes what this one recorded.
 */
import { asAgentctlError } from "../core/errors.ts";
import type { PauseCause, PauseIntent, PauseMode, Task } from "../core/task.ts";
import type { QueueHold } from "../store/store.ts";
import { liveOf } from "./cancel.ts";
import { causeOf, pauseOf } from "./conclude.ts";
import type { Engine } from "./engine.ts";
import { ask, setGrace } from "./grace.ts";
import { canCheckpoint, deferred, failPause, type Live } from "./live.ts";
import { hasMoved, notPausable } from "./refusals.ts";
import { withdraw } from "./withdraw.ts";

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
  const live = await liveOf(engine, task);
  return live && (await pauseLive(engine, live, task, options));
}

async function pauseSuspended(engine: Engine, task: Task, options: PauseOptions): Promise<Paused> {
  const live = engine.lives.get(task.id);
  if (live?.pausing) return await join(engine, live, options);
  if (!task.frozen || options.mode !== "checkpoint" || !live?.running) return { task, changed: false };
  const request = prepare(engine, live, task, pressed(task, options));
  await record(engine, [request]);
  live.frozen = false;
  engine.fault("pause:before-thaw");
  engine.runner.thaw(live.running);
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

async function pauseLive(engine: Engine, live: Live, task: Task, options: PauseOptions): Promise<Paused> {
  if (live.pausing) return await join(engine, live, options);
  if (live.isEnding || live.intent) {
    return options.wait === false ? { task, changed: false } : await afterEnd(live);
  }
  const request = prepare(engine, live, task, options);
  await record(engine, [request]);
  return await carryOut(engine, request, options);
}

/** Something else ends the attempt: what it leads to decides. */
async function afterEnd(live: Live): Promise<Paused> {
  const task = await live.ended.promise;
  if (task.state !== "suspended") throw notPausable(task);
  return { task, changed: true };
}

/**
 * A second request waits for the same end; its grace time, where it names one, holds from now. To be stopped takes none,
 * and what is being stopped is not killed for it.
 */
async function join(engine: Engine, live: Live, options: PauseOptions): Promise<Paused> {
  const { graceMs, wait } = options;
  const { promise } = live.pausing as NonNullable<Live["pausing"]>;
  const isAsked = live.intent?.kind === "pause" && live.intent.mode === "checkpoint";
  if (graceMs !== undefined && isAsked) setGrace(engine, live, graceMs);
  await takeOver(engine, live, options);
  if (wait === false) return { task: await engine.require(live.taskId), changed: true };
  return { task: await promise, changed: true };
}

/** A user's pause that joins the daemon's own is the user's from here on: nothing but the user resumes it. */
async function takeOver(engine: Engine, live: Live, options: PauseOptions): Promise<void> {
  const { intent } = live;
  if (intent?.kind !== "pause" || intent.cause === "user" || options.cause !== "user") return;
  const { cause, actor, reason = null, until = null } = options;
  Object.assign(intent, { cause, actor, reason, until });
  await engine.store.intend([{ id: live.taskId, attempt: live.attempt, intent }]);
}

export interface Request {
  live: Live;
  task: Task;
  intent: PauseIntent;
}

/** What is going to be done to a live attempt, before anything of it is. */
export function prepare(engine: Engine, live: Live, task: Task, options: PauseOptions): Request {
  live.pausing = deferred();
  const chosen = options.mode ?? task.pauseMode;
  const auto = canCheckpoint(live) ? "checkpoint" : "freeze";
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
  live.intent = intent;
  return { live, task, intent };
}

/** Makes requests durable, with the queues that are held by the same pause; all or none. */
export async function record(engine: Engine, requests: Request[], hold?: QueueHold): Promise<void> {
  try {
    const intents = requests.map(({ live, intent }) => ({ id: live.taskId, attempt: live.attempt, intent }));
    await engine.store.intend(intents, hold);
    engine.fault("pause:after-request");
  } catch (error) {
    for (const { live } of requests) failPause(live, asAgentctlError(error));
    throw error;
  }
}

/** Does what was recorded; answers when the task is suspended, or with `wait: false` at once. */
export async function carryOut(
  engine: Engine,
  request: Request,
  options: { wait?: boolean },
): Promise<Paused> {
  const { live, task, intent } = request;
  if (!live.running) await live.launched;
  // An attempt that ended meanwhile has settled its pause already.
  const promise = live.pausing?.promise ?? live.ended.promise;
  const done =
    intent.mode === "freeze" ? freeze(engine, request) : asked(engine, live, task, intent, promise);
  if (options.wait === false) {
    done.catch((error) => engine.log.warn({ task: task.id, error: String(error) }, "a pause failed"));
    return { task: await engine.require(task.id), changed: true };
  }
  return await done;
}

async function asked(engine: Engine, live: Live, task: Task, intent: PauseIntent, done: Promise<Task>) {
  await ask(engine, live, task, intent);
  return { task: await done, changed: true };
}

/** Stops the tree where it stands. */
async function freeze(engine: Engine, { live, intent }: Request): Promise<Paused> {
  if (live.isEnding || !live.running) return await afterEnd(live);
  const running = live.running;
  try {
    await Promise.race([running.started.catch(() => {}), running.ended]);
    engine.fault("pause:before-freeze");
    const { processes, residentBytes } = await engine.runner.freeze(running);
    engine.fault("pause:after-freeze");
    if (engine.runner.isGone(running)) {
      // It ended before it could be stopped, and its guard is to say how.
      engine.runner.thaw(running);
      return await afterEnd(live);
    }
    await live.steps?.take();
    if (live.isEnding || live.intent !== intent) return await afterEnd(live);
    const task = await engine.store.apply({
      id: live.taskId,
      transition: "suspend",
      attempt: live.attempt,
      at: engine.clock.now(),
      cause: causeOf(intent),
      actor: intent.actor,
      set: {
        frozen: true,
        pid: running.program?.pid ?? null,
        pause: pauseOf(intent, "frozen", engine.clock.now()),
      },
      ranMs: Math.round(engine.clock.mono() - live.workingSince),
    });
    live.frozen = true;
    if (live.intent === intent) live.intent = null;
    if (live.timeout) clearTimeout(live.timeout);
    live.pausing?.resolve(task);
    live.pausing = null;
    engine.kick();
    return { task, changed: true, memoryBytes: residentBytes, processes };
  } catch (error) {
    return await undoFreeze(engine, live, error);
  }
}

async function undoFreeze(engine: Engine, live: Live, cause: unknown): Promise<Paused> {
  if (live.isEnding || hasMoved(cause) || live.intent?.kind !== "pause") return await afterEnd(live);
  if (live.running) engine.runner.thaw(live.running);
  const error = asAgentctlError(cause);
  await withdraw(engine, live, error);
  throw error;
}
