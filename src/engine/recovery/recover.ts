/**
 * What a daemon does first. The store says what was going on; the processes say what still is. Each attempt that the
 * store believes live is found again by its run files or its token, and what was under way with it is finished.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Attempt, Task } from "../../core/task.ts";
import { type ActiveAttempt, createActiveAttempt } from "../attempt/active-attempt.ts";
import { prepareStart } from "../attempt/cannot-start.ts";
import { endTree } from "../attempt/end-tree.ts";
import { finish, watchEnd } from "../attempt/finish.ts";
import { launch } from "../attempt/launch.ts";
import { beginNow, phaseBegan, workedUnwatched } from "../attempt/phase-clock.ts";
import { armTimeout } from "../attempt/timeout.ts";
import { deferred } from "../deferred.ts";
import type { Engine } from "../engine.ts";
import { foldersOf, logFile } from "../files/environment.ts";
import { settleArtifacts } from "../files/keep-artifact.ts";
import { HOST_KEY, hostLog } from "../hosts/hosts.ts";
import { carryOut } from "../verbs/pause.ts";
import { clean } from "./clean.ts";
import { resumeStopped, resumeWithRoom } from "./resume-stopped.ts";

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
      const isEnding = engine.active.get(task.id)?.isEnding;
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
  const active = createActiveAttempt(attempt, task, began.steady);
  const program =
    attempt.pid !== null && attempt.pidStart !== null
      ? { pid: attempt.pid, startTime: attempt.pidStart, bootId: attempt.bootId }
      : null;
  const state = await engine.runner.adopt({ key: attempt.runKey, token: attempt.token, program });
  if (state && "running" in state) {
    found.adopted++;
    active.running = state.running;
    engine.track(active);
    keepHostLog(engine, active);
    return await goOn(engine, task, active);
  }
  if (isUnassigned(engine, attempt, task)) {
    // Its host waited for the task until it gave up, and ran nothing of it.
    engine.runner.forget(attempt.runKey);
    rmSync(hostLog(engine.places, attempt.runKey), { force: true });
    found.started++;
    return await startAgain(engine, task, active);
  }
  const neverStarted = !state && attempt.bootId === engine.bootId && !task.frozen && task.intent === null;
  if (neverStarted && attempt.pid === null) {
    // It is durable and was not started: starting it now is starting it once.
    found.started++;
    engine.fault("recover:before-start");
    return await startAgain(engine, task, active);
  }
  found.ended++;
  engine.track(active);
  keepHostLog(engine, active);
  engine.fault("recover:before-finish");
  const lost = { exitCode: null, signal: null, endedAt: engine.clock.now(), lost: true };
  const ended = state && "ended" in state ? state.ended : lost;
  active.worked = workedUnwatched(engine, task, began, ended);
  ends.push(finish(engine, active, ended, true).then(() => resumeWithRoom(engine, [task.id])));
}

function isUnassigned({ runner }: Engine, { runKey, saidHello }: Attempt, { kind, intent }: Task): boolean {
  if (kind !== "module" || !runKey.startsWith(HOST_KEY) || saidHello || intent !== null) return false;
  return !existsSync(runner.stepFile(runKey));
}

/** The host was assigned, and the daemon died before its output was made the attempt's log. */
function keepHostLog(engine: Engine, active: ActiveAttempt): void {
  const own = hostLog(engine.places, active.runKey);
  if (!existsSync(own)) return;
  const { folder, logs } = foldersOf(engine, active.taskId);
  for (const path of [folder, logs]) mkdirSync(path, { recursive: true, mode: 0o700 });
  renameSync(own, logFile(engine, active.taskId, active.attempt));
}

/** An attempt that is durable and was never started; what forbids it now is the end of the attempt. */
async function startAgain(engine: Engine, task: Task, active: ActiveAttempt): Promise<void> {
  await beginNow(engine, active);
  const prepared = prepareStart(engine, task);
  if ("env" in prepared) return await launch(engine, task, active, { given: prepared.env });
  engine.track(active);
  active.startFailure = prepared.refusal;
  const { exitCode } = prepared.refusal;
  await finish(engine, active, { exitCode, signal: null, endedAt: engine.clock.now(), lost: false }, false);
}

/** Supervises an adopted attempt and finishes what was under way with it. */
async function goOn(engine: Engine, task: Task, active: ActiveAttempt): Promise<void> {
  const { intent } = active;
  watchEnd(engine, active);
  if (task.frozen && !intent) return;
  // It stands still, as it was to: what is left of the request is its record.
  if (task.frozen && intent?.kind === "pause" && intent.mode === "freeze") {
    active.intent = null;
    await engine.store.intend([{ id: task.id, attempt: active.attempt, intent: null }]).catch(() => {});
    return;
  }
  engine.fault("recover:before-thaw");
  if (active.running) engine.runner.thaw(active.running);
  engine.fault("recover:after-thaw");
  active.frozen = false;
  armTimeout(engine, active, task);
  if (intent?.kind === "cancel") void endTree(engine, active, intent.graceMs);
  if (intent?.kind === "timeout") void endTree(engine, active, engine.settings.cancelGraceMs);
  if (intent?.kind === "leave" && active.running) {
    engine.fault("recover:before-end");
    engine.runner.signal(active.running, "SIGKILL");
    engine.fault("recover:after-end");
  }
  if (intent?.kind === "pause") {
    active.pausing = deferred();
    // Where a stop began it, the stop is over.
    active.pausing.promise.then(
      () => resumeWithRoom(engine, [task.id]),
      () => undefined,
    );
    const going = carryOut(engine, { active, task, intent }, { wait: false });
    going.catch((error) =>
      engine.log.error({ task: task.id, error: String(error) }, "a pause could not go on"),
    );
  }
}
