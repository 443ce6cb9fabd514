import { randomBytes } from "node:crypto";
import { accessSync, constants, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { asAgentctlError } from "../core/errors.ts";
import type { Failure, Task } from "../core/task.ts";
import { IllegalMove } from "../store/store.ts";
import { daemonPause } from "./conclude.ts";
import type { Engine } from "./engine.ts";
import { environmentOf, foldersOf, logFile } from "./environment.ts";
import { watchEnd } from "./finish.ts";
import { createLive, type Live } from "./live.ts";
import type { Start } from "./plan.ts";
import { thaw } from "./thaw.ts";
import { armTimeout } from "./timeout.ts";

/** Starts a task that has a slot: a frozen one where it stands, any other in an attempt of its own. */
export async function start(engine: Engine, { id }: Start): Promise<void> {
  engine.starting.add(id);
  try {
    const task = await engine.require(id);
    if (task.frozen) await thaw(engine, task);
    else await begin(engine, task);
  } catch (error) {
    // Somebody was quicker (a cancel, a hold): what they did stands.
    if (error instanceof IllegalMove || asAgentctlError(error).name === "TaskNotFound") return;
    throw error;
  } finally {
    engine.starting.delete(id);
  }
}

async function begin(engine: Engine, task: Task): Promise<void> {
  const refusal = cannotStart(engine, task);
  if (refusal) return await refuse(engine, task, refusal);
  const token = randomBytes(24).toString("base64url");
  const runKey = `${task.id}.${task.attempt + 1}`;
  const at = engine.clock.now();
  const working = await engine.store.apply({
    id: task.id,
    transition: "start",
    attempt: task.attempt,
    at,
    cause: "start",
    actor: "daemon",
    begin: { token, runKey, bootId: engine.bootId },
  });
  engine.fault("start:before-launch");
  const attempt = { taskId: task.id, n: working.attempt, token, runKey, saidHello: false, result: null };
  await launch(engine, working, createLive(attempt, working, engine.clock.mono()));
}

/** Starts the process of an attempt that is durable already. */
export async function launch(engine: Engine, task: Task, live: Live): Promise<void> {
  engine.track(live);
  try {
    const checkpoint = await writeCheckpoint(engine, task);
    const env = environmentOf(engine, task, { n: live.attempt, token: live.token, checkpoint });
    const folders = foldersOf(engine, task.id);
    mkdirSync(folders.work, { recursive: true, mode: 0o700 });
    mkdirSync(folders.logs, { recursive: true, mode: 0o700 });
    live.running = engine.runner.launch({
      key: live.runKey,
      token: live.token,
      argv: task.argv ?? [engine.places.node, engine.places.host],
      cwd: task.kind === "module" ? engine.places.home : task.cwd,
      env,
      logFile: logFile(engine, task.id, live.attempt),
    });
  } catch (error) {
    return await suspendUnstarted(engine, task, live, error);
  }
  engine.fault("start:after-launch");
  noteProcess(engine, live);
  armTimeout(engine, live, task);
  watchEnd(engine, live);
}

function noteProcess(engine: Engine, live: Live): void {
  live.running?.started.then(
    ({ pid, startTime }) => {
      if (live.isEnding) return;
      // What is lost of this is found again by the run files.
      engine.store.noteAttempt(live.taskId, live.attempt, { pid, pidStart: startTime }).catch(() => {});
    },
    (error: Error) => {
      live.startFailure = { name: "CannotStart", code: null, message: error.message, data: null };
    },
  );
}

/** Puts the newest checkpoint where AGENTCTL_CHECKPOINT points; null where there is none. Throws when it is corrupt. */
async function writeCheckpoint(engine: Engine, task: Task): Promise<string | null> {
  if (!task.checkpoint) return null;
  const { folder, checkpoint } = foldersOf(engine, task.id);
  const data = await engine.store.checkpointData(task.id, task.checkpoint.seq);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(`${checkpoint}.new`, data, { mode: 0o600 });
  renameSync(`${checkpoint}.new`, checkpoint);
  return checkpoint;
}

/** Nothing was started: the checkpoint cannot be used, or a file cannot be written. */
async function suspendUnstarted(engine: Engine, task: Task, live: Live, cause: unknown): Promise<void> {
  engine.forget(live);
  const error = asAgentctlError(cause);
  const at = engine.clock.now();
  const isCorrupt = error.name === "CheckpointCorrupt" || error.name === "CheckpointNotFound";
  engine.log.warn({ task: task.id, error: error.message }, "a task could not be started");
  const suspended = await engine.store.apply({
    id: task.id,
    transition: "suspend",
    attempt: live.attempt,
    at,
    cause: isCorrupt ? "corrupt" : "lost",
    actor: "daemon",
    set: {
      pause: daemonPause(isCorrupt ? "corrupt" : "lost", error.message, at),
      error: { name: error.name, code: error.code, message: error.message, data: error.data },
    },
    end: { outcome: "failed", exitCode: null, signal: null, endedAt: at },
  });
  live.ended.resolve(suspended);
}

interface Refusal extends Failure {
  exitCode: number;
}

/** Why the task's program or module cannot be started, as far as that can be known without starting it. */
function cannotStart(engine: Engine, task: Task): Refusal | null {
  try {
    const env = environmentOf(engine, task, { n: 0, token: "", checkpoint: null });
    if (task.module) return cannotRun(task.module.path, task.cwd);
    const refusal = engine.runner.cannotStart(task.argv as string[], task.cwd, env);
    return refusal ? refusalOf(refusal.exitCode, refusal.message) : null;
  } catch (error) {
    return refusalOf(126, (error as Error).message);
  }
}

function cannotRun(module: string, cwd: string): Refusal | null {
  try {
    if (!statSync(module).isFile()) return refusalOf(126, `${module} is no file`);
    accessSync(module, constants.R_OK);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return refusalOf(
      isMissing ? 127 : 126,
      `${module}: ${isMissing ? "no such file" : (error as Error).message}`,
    );
  }
  try {
    accessSync(cwd, constants.X_OK);
    return null;
  } catch {
    return refusalOf(126, `the working directory ${cwd} cannot be entered`);
  }
}

function refusalOf(exitCode: number, message: string): Refusal {
  return { name: "CannotStart", code: null, message, data: { exitCode }, exitCode };
}

/** A submitted task fails; a resumed one stays suspended, so that what it saved is not lost. */
async function refuse(engine: Engine, task: Task, { exitCode, ...error }: Refusal): Promise<void> {
  const at = engine.clock.now();
  const common = { id: task.id, attempt: task.attempt, at, cause: "cannot-start", actor: "daemon" };
  if (task.state === "submitted") {
    await engine.store.apply({ ...common, transition: "refuse", set: { error, exitCode } });
  } else {
    await engine.store.apply({ ...common, transition: "unresume", set: { error } });
  }
  engine.log.warn({ task: task.id, error: error.message }, "a task cannot be started");
}
