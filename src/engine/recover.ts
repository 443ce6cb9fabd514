/**
 * What a daemon does first. The store says what was going on; the processes say what still is. Each attempt that the
 * store believes live is found again by its run files or its token, and what was under way with it is finished.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Attempt, Task } from "../core/task.ts";
import { canceling } from "./cancel.ts";
import { prepareStart } from "./cannot-start.ts";
import { clean } from "./clean.ts";
import type { Engine } from "./engine.ts";
import { foldersOf, logFile } from "./environment.ts";
import { finish, watchEnd } from "./finish.ts";
import { HOST_KEY, hostLog } from "./hosts.ts";
import { settleArtifacts } from "./keep-artifact.ts";
import { launch } from "./launch.ts";
import { createLive, deferred, type Live } from "./live.ts";
import { carryOut } from "./pause.ts";
import { beginNow, phaseBegan, workedUnwatched } from "./phase-clock.ts";
import { resumeStopped, resumeWithRoom } from "./resume-stopped.ts";
import { armTimeout } from "./timeout.ts";

interface Found {
  /** The run keys of all that were live. */
  keys: Set<string>;
  adopted: number;
  ended: number;
  started: number;
}

/** What an ended attempt left running has its grace time; the daemon answers meanwhile. */
const LONGEST_WAIT_MS = 1000;

/** Adopts, concludes or starts again every attempt that was live; answers how many of each. */
export async function recover(engine: Engine): Promise<Omit<Found, "keys">> {
  const found: Found = { keys: new Set(), adopted: 0, ended: 0, started: 0 };
  const ends: Promise<void>[] = [];
  const waiting: number[] = [];
  await engine.runner.releaseOrphans();
  const page = (afterId: number) => engine.store.unfinished(afterId, 100);
  for (let tasks = await page(0); tasks.length > 0; tasks = await page((tasks.at(-1) as Task).id)) {
    for (const task of tasks) {
      if (task.state === "working" || task.frozen) await recoverAttempt(engine, task, found, ends);
      // The end of one that is gone says what becomes of it.
      const isEnding = engine.lives.get(task.id)?.isEnding;
      if (!isEnding && !(await resumeStopped(engine, task.id))) waiting.push(task.id);
    }
  }
  void resumeWithRoom(engine, waiting);
  await Promise.race([Promise.all(ends), delay(LONGEST_WAIT_MS, undefined, { ref: false })]);
  engine.fault("recover:before-clean");
  await clean(engine, found.keys);
  engine.fault("recover:after-clean");
  const { adopted, ended, started } = found;
  return { adopted, ended, started };
}

async function recoverAttempt(
  engine: Engine,
  task: Task,
  found: Found,
  ends: Promise<void>[],
): Promise<void> {
  engine.fault("recover:before-adopt");
  await settleArtifacts(engine, task.id);
  const attempt = (await engine.store.attempts(task.id)).at(-1);
  if (!attempt) {
    // One contradiction in the store is no reason to serve nobody.
    engine.log.warn({ task: task.id }, "at work without an attempt: agentctl doctor --repair mends it");
    return;
  }
  found.keys.add(attempt.runKey);
  const began = await phaseBegan(engine, task, attempt);
  const live = createLive(attempt, task, began.steady);
  const program =
    attempt.pid !== null && attempt.pidStart !== null
      ? { pid: attempt.pid, startTime: attempt.pidStart, bootId: attempt.bootId }
      : null;
  const state = await engine.runner.adopt({ key: attempt.runKey, token: attempt.token, program });
  if (state && "running" in state) {
    found.adopted++;
    live.running = state.running;
    engine.track(live);
    keepHostLog(engine, live);
    return await goOn(engine, task, live);
  }
  if (isUnassigned(engine, attempt, task)) {
    // Its host waited for the task until it gave up, and ran nothing of it.
    engine.runner.forget(attempt.runKey);
    rmSync(hostLog(engine.places, attempt.runKey), { force: true });
    found.started++;
    return await startAgain(engine, task, live);
  }
  const neverStarted = !state && attempt.bootId === engine.bootId && !task.frozen && task.intent === null;
  if (neverStarted && attempt.pid === null) {
    // It is durable and was not started: starting it now is starting it once.
    found.started++;
    engine.fault("recover:before-start");
    return await startAgain(engine, task, live);
  }
  found.ended++;
  engine.track(live);
  keepHostLog(engine, live);
  engine.fault("recover:before-finish");
  const lost = { exitCode: null, signal: null, endedAt: engine.clock.now(), lost: true };
  const ended = state && "ended" in state ? state.ended : lost;
  live.worked = workedUnwatched(engine, task, began, ended);
  ends.push(finish(engine, live, ended, true).then(() => resumeWithRoom(engine, [task.id])));
}

function isUnassigned({ runner }: Engine, { runKey, saidHello }: Attempt, { kind, intent }: Task): boolean {
  if (kind !== "module" || !runKey.startsWith(HOST_KEY) || saidHello || intent !== null) return false;
  return !existsSync(runner.stepFile(runKey));
}

/** The host was assigned, and the daemon died before its output was made the attempt's log. */
function keepHostLog(engine: Engine, live: Live): void {
  const own = hostLog(engine.places, live.runKey);
  if (!existsSync(own)) return;
  const { folder, logs } = foldersOf(engine, live.taskId);
  for (const path of [folder, logs]) mkdirSync(path, { recursive: true, mode: 0o700 });
  renameSync(own, logFile(engine, live.taskId, live.attempt));
}

/** An attempt that is durable and was never started; what forbids it now is the end of the attempt. */
async function startAgain(engine: Engine, task: Task, live: Live): Promise<void> {
  await beginNow(engine, live);
  const prepared = prepareStart(engine, task);
  if ("env" in prepared) return await launch(engine, task, live, { given: prepared.env });
  engine.track(live);
  live.startFailure = prepared.refusal;
  const { exitCode } = prepared.refusal;
  await finish(engine, live, { exitCode, signal: null, endedAt: engine.clock.now(), lost: false }, false);
}

/** Supervises an adopted attempt and finishes what was under way with it. */
async function goOn(engine: Engine, task: Task, live: Live): Promise<void> {
  const { intent } = live;
  watchEnd(engine, live);
  if (task.frozen && !intent) return;
  // It stands still, as it was to: what is left of the request is its record.
  if (task.frozen && intent?.kind === "pause" && intent.mode === "freeze") {
    live.intent = null;
    await engine.store.intend([{ id: task.id, attempt: live.attempt, intent: null }]).catch(() => {});
    return;
  }
  engine.fault("recover:before-thaw");
  if (live.running) engine.runner.thaw(live.running);
  engine.fault("recover:after-thaw");
  live.frozen = false;
  armTimeout(engine, live, task);
  if (intent?.kind === "cancel") void canceling(engine, live, intent.graceMs);
  if (intent?.kind === "timeout") void canceling(engine, live, engine.settings.cancelGraceMs);
  if (intent?.kind === "leave" && live.running) {
    engine.fault("recover:before-end");
    engine.runner.signal(live.running, "SIGKILL");
    engine.fault("recover:after-end");
  }
  if (intent?.kind === "pause") {
    live.pausing = deferred();
    // Where a stop began it, the stop is over.
    live.pausing.promise.then(
      () => resumeWithRoom(engine, [task.id]),
      () => undefined,
    );
    const going = carryOut(engine, { live, task, intent }, { wait: false });
    going.catch((error) =>
      engine.log.error({ task: task.id, error: String(error) }, "a pause could not go on"),
    );
  }
}
