/**
 * Reclaims attempts that this daemon did not start, or lost track of: finds the process of an attempt that the store
 * says is working or frozen, and finishes the request that was under way.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { defined } from "../../core/defined.ts";
import type { Attempt, Intent, Task } from "../../core/task.ts";
import type { Ended } from "../../runner/index.ts";
import type { Engine } from "../engine.ts";
import { foldersOf, logFile } from "../files/environment.ts";
import { settleArtifacts } from "../files/keep-artifact.ts";
import { HOST_KEY_PREFIX, hostLog } from "../hosts/hosts.ts";
import { ActiveAttempt } from "./active-attempt.ts";
import { prepareStart } from "./cannot-start.ts";
import { classify, type Evidence, type Verdict } from "./classify.ts";
import { endTree } from "./end-tree.ts";
import { finish, watchEnd } from "./finish.ts";
import { launch } from "./launch.ts";
import { recordContradiction } from "./lose-frozen.ts";
import { carryOut } from "./pause/carry-out.ts";
import { beginNow, type PhaseStart, phaseBegan, workedUnwatched } from "./phase-clock.ts";
import { feedStdin } from "./stdin.ts";
import { armTimeout } from "./timeout.ts";

export interface Reclaimed {
  verdict: Verdict;
  /** The key of its run files; undefined if there is no attempt. */
  runKey?: string;
  /** Resolves when the end is recorded, or when the pause under way is over. */
  finished?: Promise<unknown>;
}

/** Reclaims the attempt of a task that is working or frozen in the store. `request` is the request being made of it. */
export async function reclaim(engine: Engine, task: Task, request: Intent | null = null): Promise<Reclaimed> {
  engine.fault("recover:before-adopt");
  await settleArtifacts(engine, task.id);
  const attempt = (await engine.store.attempts(task.id)).at(-1);
  const state = attempt && (await findProcess(engine, task, attempt));
  const verdict = classify({
    task,
    attempt,
    process: processOf(state),
    bootId: engine.bootId,
    isFromPool: attempt?.runKey.startsWith(HOST_KEY_PREFIX) ?? false,
    hasSteps: attempt !== undefined && existsSync(engine.runner.stepFile(attempt.runKey)),
  });
  if (verdict === "contradiction" || !attempt) {
    return { verdict, finished: recordContradiction(engine, task, request) };
  }
  const phaseStart = await phaseBegan(engine, task, attempt);
  const active = new ActiveAttempt(attempt, task, phaseStart.steady);
  const { runKey } = attempt;
  switch (verdict) {
    case "unassigned":
      engine.runner.forget(runKey);
      rmSync(hostLog(engine.places, runKey), { force: true });
      await startAgain(engine, task, active);
      return { verdict, runKey };
    case "not-started":
      engine.fault("recover:before-start");
      await startAgain(engine, task, active);
      return { verdict, runKey };
    case "ended":
    case "lost": {
      const lost = { exitCode: null, signal: null, endedAt: engine.clock.now(), lost: true };
      const ended = state && "ended" in state ? state.ended : lost;
      engine.track(active);
      keepHostLog(engine, active);
      active.inheritRequest(request);
      return {
        verdict,
        runKey,
        finished: recordEnd(engine, { task, active, phaseStart, ended }),
      };
    }
    default: {
      const running = state && "running" in state ? state.running : null;
      if (running) active.setProcess(running);
      engine.track(active);
      keepHostLog(engine, active);
      if (running && !task.frozen && engine.runner.isGone(running)) {
        // It ended while no daemon watched, and its guard has not reported how yet.
        active.inheritRequest(request);
        const finished = running.ended.then((ended) =>
          recordEnd(engine, { task, active, phaseStart, ended }),
        );
        return { verdict: "ended", runKey, finished };
      }
      watchEnd(engine, active);
      feedStdin(engine, task);
      return { verdict, runKey, ...(await supervise(engine, task, active, verdict)) };
    }
  }
}

function processOf(state: Awaited<ReturnType<typeof findProcess>>): Evidence["process"] {
  if (!state) return "gone";
  return "running" in state ? "running" : "ended";
}

async function findProcess(engine: Engine, task: Task, attempt: Attempt) {
  const { runKey: key, token, pid, pidStart, bootId } = attempt;
  const program = pid !== null && pidStart !== null ? { pid, startTime: pidStart, bootId } : null;
  // The output of a host that was just assigned may still be in the host's own file.
  const hostFile = hostLog(engine.places, key);
  const log = existsSync(hostFile) ? hostFile : logFile(engine, task.id, attempt.n);
  return await engine.runner.adopt({ key, token, program, logFile: log, isFrozen: task.frozen });
}

interface UnwatchedEnd {
  task: Task;
  active: ActiveAttempt;
  phaseStart: PhaseStart;
  ended: Ended;
}

function recordEnd(engine: Engine, { task, active, phaseStart, ended }: UnwatchedEnd): Promise<void> {
  active.update({ workedMs: workedUnwatched(engine, task, phaseStart, ended) });
  engine.fault("recover:before-finish");
  return finish(engine, active, ended, true);
}

/** Makes a host's output the attempt's log, if a daemon died between assigning the host and doing so. */
function keepHostLog(engine: Engine, active: ActiveAttempt): void {
  const hostFile = hostLog(engine.places, active.runKey);
  if (!existsSync(hostFile)) return;
  const { folder, logs } = foldersOf(engine, active.taskId);
  for (const path of [folder, logs]) mkdirSync(path, { recursive: true, mode: 0o700 });
  renameSync(hostFile, logFile(engine, active.taskId, active.attempt));
}

/** Starts an attempt that is durable but never had a process. If it cannot start now, ends the attempt. */
async function startAgain(engine: Engine, task: Task, active: ActiveAttempt): Promise<void> {
  await beginNow(engine, active);
  const prepared = prepareStart(engine, task);
  if ("env" in prepared) return await launch(engine, task, active, { env: prepared.env });
  engine.track(active);
  active.update({ startFailure: prepared.refusal });
  const { exitCode } = prepared.refusal;
  await finish(engine, active, { exitCode, signal: null, endedAt: engine.clock.now(), lost: false }, false);
}

/** Supervises an adopted attempt and finishes what was under way with it. */
async function supervise(
  engine: Engine,
  task: Task,
  active: ActiveAttempt,
  verdict: Verdict,
): Promise<Pick<Reclaimed, "finished">> {
  if (verdict === "stays-frozen") return {};
  if (verdict === "frozen-as-asked") {
    // It is already stopped, as requested. Only the record of the request is left to delete.
    active.dropRequest();
    await engine.store.intend([{ id: task.id, attempt: active.attempt, intent: null }]).catch(() => {});
    return {};
  }
  engine.fault("recover:before-thaw");
  if (active.running) engine.runner.thaw(active.running);
  engine.fault("recover:after-thaw");
  active.markThawed();
  armTimeout(engine, active, task);
  return finishRequest(engine, task, active);
}

function finishRequest(engine: Engine, task: Task, active: ActiveAttempt): Pick<Reclaimed, "finished"> {
  const { intent } = active;
  if (intent?.kind === "cancel") void endTree(engine, active, intent.graceMs);
  if (intent?.kind === "timeout") void endTree(engine, active, engine.settings.cancelGraceMs);
  if (intent?.kind === "leave" && active.running) {
    engine.fault("recover:before-end");
    engine.runner.signal(active.running, "SIGKILL");
    engine.fault("recover:after-end");
  }
  if (intent?.kind !== "pause") return {};
  active.inheritRequest(intent);
  const finished = active.pausing?.promise;
  carryOut(engine, { active, task, intent }, { wait: false }).catch((error) =>
    engine.log.error({ task: task.id, error: String(error) }, "a pause could not go on"),
  );
  return defined({ finished });
}
