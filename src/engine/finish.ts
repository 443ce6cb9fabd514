import { setTimeout as sleep } from "node:timers/promises";
import { asAgentctlError } from "../core/errors.ts";
import type { Task } from "../core/task.ts";
import type { Ended } from "../runner/index.ts";
import { type Change, IllegalMove } from "../store/store.ts";
import { type Conclusion, conclude, concludeLost, GOING_DOWN } from "./conclude.ts";
import type { Engine } from "./engine.ts";
import { awaitLastSave } from "./last-save.ts";
import { dropTimers, type Live } from "./live.ts";
import { capEnded } from "./log-caps.ts";
import { loseFrozen } from "./lose-frozen.ts";
import { notPausable } from "./refusals.ts";
import { whenWritable } from "./when-writable.ts";

/** So often a task may move while its end is read. */
const TRIES = 5;

/** Concludes the attempt when its process ends. */
export function watchEnd(engine: Engine, live: Live): void {
  void live.running?.ended.then((ended) => finish(engine, live, ended, false));
}

/**
 * A machine or session that goes down ends tasks and daemon at the same moment: so long the end of a task by a signal
 * waits for that of the daemon.
 */
const GOING_DOWN_MS = 150;

async function isGoingDown(engine: Engine, live: Live, { signal }: Ended): Promise<boolean> {
  if (signal === null || !GOING_DOWN.includes(signal) || live.intent || live.isDone)
    return engine.isGoingDown;
  if (!engine.isGoingDown) await sleep(GOING_DOWN_MS);
  return engine.isGoingDown;
}

/**
 * The one end of every attempt: what is left of its tree is ended, then the task moves as its end is read. Once the
 * process is gone this can only finish, so a full disk is waited out.
 */
export async function finish(engine: Engine, live: Live, ended: Ended, unwatched: boolean): Promise<void> {
  if (live.isEnding) return;
  live.isEnding = true;
  live.worked ??= engine.clock.mono() - live.workingSince;
  const graceMs = sweepGrace(engine, live);
  dropTimers(live);
  engine.fault("finish:before-sweep");
  await awaitLastSave(engine, live);
  const isAlone = await sweep(engine, live, graceMs);
  const isUnwatched = unwatched || (await isGoingDown(engine, live, ended));
  engine.fault("finish:before-commit");
  try {
    const task = await commit(engine, live, ended, isUnwatched);
    engine.forget(live);
    engine.fault("finish:before-forget");
    engine.runner.forget(live.runKey);
    live.steps?.end();
    engine.fault("finish:after-forget");
    live.link = null;
    void capEnded(engine, live);
    if (isAlone) engine.emptied.offer(task);
    settlePause(live, task);
    live.ended.resolve(task);
  } catch (error) {
    engine.log.error(
      { task: live.taskId, error: String(error) },
      "the end of an attempt could not be recorded",
    );
    engine.forget(live);
    live.steps?.close();
    live.pausing?.reject(asAgentctlError(error));
    live.ended.reject(asAgentctlError(error));
  }
  engine.kick();
  if (live.isModule) engine.hosts.refill(true);
}

/** After a pause the leftovers have what is left of its grace time, else that of a cancel. */
function sweepGrace(engine: Engine, live: Live): number {
  if (live.grace.deadline === null) return engine.settings.cancelGraceMs;
  return Math.max(0, Math.min(engine.settings.cancelGraceMs, live.grace.deadline - engine.clock.mono()));
}

/** Answers whether nothing that came of the attempt is known to live, or may. */
async function sweep(engine: Engine, live: Live, graceMs: number): Promise<boolean> {
  const roots = live.running ?? { key: live.runKey, token: live.token };
  try {
    // The guard of a frozen tree is stopped with it: without this it would stay for ever.
    if (live.frozen && live.running) await engine.runner.terminate(live.running, { graceMs: 0 });
    else return await engine.runner.sweep(roots, { graceMs });
  } catch (error) {
    engine.log.error(
      { task: live.taskId, error: String(error) },
      "what an attempt left running could not be ended",
    );
  }
  return false;
}

/** An answer, or the pause that froze it, may move the task between the look at it and the write. */
async function commit(engine: Engine, live: Live, ended: Ended, unwatched: boolean): Promise<Task> {
  for (let tries = 1; ; tries++) {
    try {
      return await commitOnce(engine, live, ended, unwatched);
    } catch (error) {
      if (!(error instanceof IllegalMove) || tries === TRIES) throw error;
    }
  }
}

async function commitOnce(engine: Engine, live: Live, ended: Ended, unwatched: boolean): Promise<Task> {
  return await whenWritable(async () => {
    await takeLastSteps(live);
    const task = await engine.require(live.taskId);
    const end = {
      ...ended,
      task,
      intent: live.intent,
      result: live.result,
      startFailure: live.startFailure,
      unwatched,
      at: engine.clock.now(),
    };
    const conclusion = conclude(end);
    const lost = concludeLost({ ...end, lost: true });
    if (task.frozen) return await endFrozen(engine, live, task, ended, { conclusion, lost });
    return await leaving(engine, task.queue, () =>
      engine.store.apply(changeOf(engine, live, ended, conclusion)),
    );
  });
}

/** How the end is read depends on them. */
async function takeLastSteps({ steps }: Live): Promise<void> {
  try {
    await steps?.take();
  } catch (error) {
    // Whatever has superseded the attempt, its end is still to be recorded.
    if (asAgentctlError(error).name !== "StaleAttempt") throw error;
  }
}

/** The next of the line begins in the transaction of this end: one wait for the disk for both. */
async function leaving<T>(engine: Engine, queue: string, end: () => Promise<T>): Promise<T> {
  const change = (by: number) => engine.leaving.set(queue, (engine.leaving.get(queue) ?? 0) + by);
  change(1);
  try {
    const written = end();
    engine.kick();
    return await written;
  } finally {
    change(-1);
  }
}

function changeOf(engine: Engine, live: Live, ended: Ended, conclusion: Conclusion): Change {
  const { transition, cause, actor, set, outcome, question } = conclusion;
  const { exitCode, signal, endedAt } = live.isDone ? { ...ended, exitCode: null, signal: null } : ended;
  return {
    id: live.taskId,
    transition,
    attempt: live.attempt,
    at: engine.clock.now(),
    cause,
    actor,
    set,
    ...(question === undefined ? {} : { question }),
    end: {
      outcome,
      exitCode,
      signal,
      endedAt,
      pid: live.running?.program?.pid ?? null,
    },
    ranMs: Math.round(live.worked ?? 0),
  };
}

/** The end of a process that was frozen, or had been thawed to be asked for its checkpoint. */
async function endFrozen(
  engine: Engine,
  live: Live,
  task: Task,
  ended: Ended,
  { conclusion, lost }: Record<"conclusion" | "lost", Conclusion>,
): Promise<Task> {
  const change = changeOf(engine, live, ended, conclusion);
  const { end } = change;
  const gone = { frozen: false, pid: null } as const;
  if (live.intent?.kind === "cancel") return await engine.store.apply({ ...change, ranMs: 0 });
  if (live.intent?.kind === "pause" && conclusion.transition === "suspend") {
    const pause = conclusion.set.pause ?? task.pause;
    const { cause, actor, at } = change;
    const set = { ...gone, pause, error: conclusion.set.error ?? null };
    return await engine.store.update(task.id, set, { end, event: { cause, actor, at } });
  }
  if (live.intent?.kind === "pause" && (conclusion.transition === "complete" || live.result)) {
    const common = { id: task.id, at: change.at, cause: "pause", actor: change.actor };
    const steps: Change[] = [
      { ...common, transition: "resume", set: gone },
      { ...common, transition: "start" },
      { ...change, ranMs: 0 },
    ];
    return (await engine.store.applyAll(steps)).at(-1) as Task;
  }
  if (live.isDone) return await engine.store.update(task.id, gone, { end });
  return await loseFrozen(engine, task, change, lost);
}

/** Answers whoever waits for the pause of an attempt that has ended. */
export function settlePause(live: Live, task: Task): void {
  if (!live.pausing) return;
  if (task.state === "suspended") live.pausing.resolve(task);
  else live.pausing.reject(notPausable(task));
  live.pausing = null;
}
