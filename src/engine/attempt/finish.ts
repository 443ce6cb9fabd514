import { setTimeout as sleep } from "node:timers/promises";
import { defined } from "../../core/defined.ts";
import { asAgentctlError } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import type { Ended } from "../../runner/index.ts";
import { type Change, IllegalMove } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { keepLogs } from "../files/keep-logs.ts";
import { notPausable } from "../refusals.ts";
import type { ActiveAttempt } from "./active-attempt.ts";
import { type Conclusion, conclude, concludeLost, SHUTDOWN_SIGNALS } from "./conclude.ts";
import { capEnded } from "./log-caps.ts";
import { loseFrozen } from "./lose-frozen.ts";
import { awaitLastSave } from "./pause/last-save.ts";
import { endFailed, runsOn } from "./pause/refused-signals.ts";
import { retryWhileFull } from "./retry-while-full.ts";
import { endStdin } from "./stdin.ts";

/** How many times we try to record an end, if the task keeps moving between our read and our write. */
const MAX_TRIES = 5;

/** Concludes the attempt when its process ends. */
export function watchEnd(engine: Engine, active: ActiveAttempt): void {
  void active.running?.ended.then((ended) => finish(engine, active, ended, false));
}

/**
 * A machine or session that goes down ends tasks and daemon at the same moment. After a task ended by a signal, we wait
 * this long, in ms, to see whether the daemon is ended too.
 */
const SHUTDOWN_WAIT_MS = 150;

async function isGoingDown(engine: Engine, active: ActiveAttempt, { signal }: Ended): Promise<boolean> {
  if (signal === null || !SHUTDOWN_SIGNALS.includes(signal) || active.intent || active.isDone)
    return engine.isGoingDown;
  if (!engine.isGoingDown) await sleep(SHUTDOWN_WAIT_MS);
  return engine.isGoingDown;
}

/**
 * Concludes an attempt, however its process ended: ends the rest of its tree, then moves the task as `conclude` says.
 * Every attempt ends here. Once the process is gone we must finish, so this waits while the disk is full.
 */
export async function finish(
  engine: Engine,
  active: ActiveAttempt,
  ended: Ended,
  unwatched: boolean,
): Promise<void> {
  if (!active.markEnding(engine.clock.mono())) return;
  const graceMs = sweepGrace(engine, active);
  active.dropTimers();
  engine.fault("finish:before-sweep");
  await awaitLastSave(engine, active);
  endStdin(engine, active.taskId);
  await sweep(engine, active, graceMs);
  await keepFolder(engine, active);
  const isUnwatched = unwatched || engine.cluster?.mayHaveEnded || (await isGoingDown(engine, active, ended));
  engine.fault("finish:before-commit");
  try {
    const task = await commit(engine, active, ended, isUnwatched);
    engine.forget(active);
    engine.fault("finish:before-forget");
    engine.runner.forget(active.runKey);
    active.steps?.end();
    engine.fault("finish:after-forget");
    active.update({ link: null });
    void capEnded(engine, active);
    keepLogs(engine, active);
    settlePause(active, task);
    active.ended.resolve(task);
  } catch (error) {
    if (isTakenOver(engine, error)) {
      engine.log.info(
        { task: active.taskId, attempt: active.attempt },
        "another machine has the task by now",
      );
      engine.runner.forget(active.runKey);
    } else {
      engine.log.error(
        { task: active.taskId, error: String(error) },
        "the end of an attempt could not be recorded: agentctl doctor finds what is left of it",
      );
    }
    engine.forget(active);
    active.steps?.close();
    active.pausing?.reject(asAgentctlError(error));
    active.ended.reject(asAgentctlError(error));
  }
  engine.wake();
  if (active.isModule) engine.hosts.refill(true);
}

/** Whether another machine has concluded the attempt. */
function isTakenOver({ cluster }: Engine, error: unknown): boolean {
  if (cluster === null) return false;
  return error instanceof IllegalMove || asAgentctlError(error).name === "StaleAttempt";
}

/** Shares the task's folder with the cluster, so that the next attempt has it on any machine. */
async function keepFolder(engine: Engine, { taskId, running }: ActiveAttempt): Promise<void> {
  if (!engine.cluster || !running) return;
  await engine.cluster.files.keepFolder(taskId).catch((error) => {
    engine.log.error({ task: taskId, error: String(error) }, "the folder of a task stays on this machine");
  });
}

/** Returns the grace time, in ms, of the processes left over: that of a cancel, or what is left of a pause's. */
function sweepGrace(engine: Engine, active: ActiveAttempt): number {
  const { graceDeadline } = active;
  if (graceDeadline === null) return engine.settings.cancelGraceMs;
  return Math.max(0, Math.min(engine.settings.cancelGraceMs, graceDeadline - engine.clock.mono()));
}

async function sweep(engine: Engine, active: ActiveAttempt, graceMs: number): Promise<void> {
  const roots = active.running ?? { key: active.runKey, token: active.token };
  try {
    // The guard of a frozen tree is stopped too. Without this, it would stay forever.
    if (active.frozen && active.running) await engine.runner.terminate(active.running, { graceMs: 0 });
    else await engine.runner.sweep(roots, { graceMs });
  } catch (error) {
    active.update({ endError: endFailed(active, error, "working") });
    engine.log.error(
      { task: active.taskId, error: String(error) },
      "what an attempt left running could not be ended",
    );
  }
}

/** Commits the end; tries again if an answer, or the pause that froze the task, moved it between our read and write. */
async function commit(
  engine: Engine,
  active: ActiveAttempt,
  ended: Ended,
  unwatched: boolean,
): Promise<Task> {
  for (let tries = 1; ; tries++) {
    try {
      return await commitOnce(engine, active, ended, unwatched);
    } catch (error) {
      if (!(error instanceof IllegalMove) || tries === MAX_TRIES) throw error;
    }
  }
}

async function commitOnce(
  engine: Engine,
  active: ActiveAttempt,
  ended: Ended,
  unwatched: boolean,
): Promise<Task> {
  return await retryWhileFull(engine.places.home, async () => {
    await takeLastSteps(active);
    const task = await engine.require(active.taskId);
    const end = {
      ...ended,
      task,
      intent: active.intent,
      result: active.result,
      startFailure: active.startFailure,
      unwatched,
      jitter: Math.random() * 2 - 1,
      at: engine.clock.now(),
    };
    const conclusion = conclude(end);
    const lost = concludeLost({ ...end, lost: true });
    if (task.frozen) return await endFrozen(engine, active, task, ended, { conclusion, lost });
    return await runAsLeaving(engine, task.id, () =>
      engine.store.apply(changeOf(engine, active, ended, conclusion)),
    );
  });
}

/** Takes the last steps into the store, because the conclusion depends on them. */
async function takeLastSteps({ steps }: ActiveAttempt): Promise<void> {
  try {
    await steps?.take();
  } catch (error) {
    // The attempt is superseded, but we must still record its end.
    if (asAgentctlError(error).name !== "StaleAttempt") throw error;
  }
}

/** Runs `end`; the next queued task starts in the same transaction, so both wait for the disk only once. */
async function runAsLeaving<T>(engine: Engine, id: number, end: () => Promise<T>): Promise<T> {
  engine.leaving.add(id);
  try {
    const result = end();
    engine.wake();
    return await result;
  } finally {
    engine.leaving.delete(id);
  }
}

function changeOf(engine: Engine, active: ActiveAttempt, ended: Ended, conclusion: Conclusion): Change {
  const { transition, cause, actor, set, outcome, question } = conclusion;
  const { exitCode, signal, endedAt } = active.isDone ? { ...ended, exitCode: null, signal: null } : ended;
  return {
    id: active.taskId,
    transition,
    attempt: active.attempt,
    at: engine.clock.now(),
    cause,
    actor,
    set,
    ...defined({ question }),
    end: {
      outcome,
      exitCode,
      signal,
      endedAt,
      pid: active.running?.program?.pid ?? null,
    },
    ranMs: Math.round(active.workedMs ?? 0),
  };
}

/** Records the end of a process that was frozen, or that we thawed to ask it for its checkpoint. */
async function endFrozen(
  engine: Engine,
  active: ActiveAttempt,
  task: Task,
  ended: Ended,
  { conclusion, lost }: Record<"conclusion" | "lost", Conclusion>,
): Promise<Task> {
  const change = changeOf(engine, active, ended, conclusion);
  const { end } = change;
  const noProcess = { frozen: false, pid: null } as const;
  if (active.intent?.kind === "cancel") return await engine.store.apply({ ...change, ranMs: 0 });
  if (active.intent?.kind === "pause" && conclusion.transition === "suspend") {
    const pause = conclusion.set.pause ?? task.pause;
    const { cause, actor, at } = change;
    const set = { ...noProcess, pause, error: conclusion.set.error ?? null };
    return await engine.store.update(task.id, set, { end, event: { cause, actor, at } });
  }
  if (active.intent?.kind === "pause" && (conclusion.transition === "complete" || active.result)) {
    const common = { id: task.id, at: change.at, cause: "pause", actor: change.actor };
    const steps: Change[] = [
      // The task stays frozen or working at each move; otherwise the store would clear its machine.
      { ...common, transition: "resume", set: { pid: null } },
      { ...common, transition: "start", set: noProcess },
      { ...change, ranMs: 0 },
    ];
    return (await engine.store.applyAll(steps)).at(-1) as Task;
  }
  if (active.isDone && end) {
    // We ended it so that another attempt can begin elsewhere. It did not fail.
    const outcome = end.outcome === "failed" ? "forced" : end.outcome;
    return await engine.store.update(task.id, noProcess, { end: { ...end, outcome } });
  }
  return await loseFrozen(engine, task, change, lost);
}

/** Settles the pause of an attempt that has ended: rejects if the task is not suspended, or some of it still runs. */
export function settlePause(active: ActiveAttempt, task: Task): void {
  if (task.state !== "suspended") active.pausing?.reject(notPausable(task));
  else if (active.endError) active.pausing?.reject(runsOn(task, active.endError));
  active.finishPause(task);
}
