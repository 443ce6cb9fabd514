import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { asAgentctlError } from "../core/errors.ts";
import type { Task } from "../core/task.ts";
import type { Running } from "../runner/index.ts";
import { daemonPause } from "./conclude.ts";
import type { Engine } from "./engine.ts";
import { environmentOf, foldersOf, logFile } from "./environment.ts";
import { watchEnd } from "./finish.ts";
import type { SpareHost } from "./hosts.ts";
import type { Live } from "./live.ts";
import { armTimeout } from "./timeout.ts";

/** Gives an attempt that is durable already its process: a host that waited for it, or one of its own. */
export async function launch(
  engine: Engine,
  task: Task,
  live: Live,
  given: Record<string, string>,
  host?: SpareHost,
): Promise<void> {
  engine.track(live);
  try {
    await writeCheckpoint(engine, task);
    const folders = foldersOf(engine, task.id);
    mkdirSync(folders.work, { recursive: true, mode: 0o700 });
    mkdirSync(folders.logs, { recursive: true, mode: 0o700 });
    engine.fault("start:before-spawn");
    live.running = host ? takeOver(engine, live, host) : launchOwn(engine, task, live, given);
  } catch (error) {
    return await suspendUnstarted(engine, task, live, error);
  }
  engine.fault("start:after-launch");
  if (!host) noteProcess(engine, live);
  armTimeout(engine, live, task);
  watchEnd(engine, live);
  if (host) {
    engine.fault("start:before-assign");
    engine.hosts.assign(host, live);
    engine.fault("start:after-assign");
  }
  if (live.isModule) engine.hosts.refill();
}

function launchOwn(engine: Engine, task: Task, live: Live, given: Record<string, string>): Running {
  return engine.runner.launch({
    key: live.runKey,
    token: live.token,
    argv: task.argv ?? [engine.places.node, engine.places.host],
    cwd: task.kind === "module" ? engine.places.home : task.cwd,
    env: environmentOf(engine, task, { n: live.attempt, token: live.token }, given),
    logFile: logFile(engine, task.id, live.attempt),
  });
}

/** What a waiting host writes has gone to a file of its own, which becomes the attempt's log. */
function takeOver(engine: Engine, live: Live, host: SpareHost): Running {
  renameSync(host.logFile, logFile(engine, live.taskId, live.attempt));
  return host.running;
}

/**
 * So long after its start a process is noted in the store, for which a short attempt has no use. Until then it is found
 * by its run files, as is what a daemon that dies meanwhile did not note.
 */
const NOTE_AFTER_MS = 250;

function noteProcess(engine: Engine, live: Live): void {
  live.running?.started.then(
    ({ pid, startTime }) => {
      setTimeout(() => {
        if (live.isEnding) return;
        engine.store.noteAttempt(live.taskId, live.attempt, { pid, pidStart: startTime }).catch(() => {});
      }, NOTE_AFTER_MS).unref();
    },
    (error: Error) => {
      live.startFailure = { name: "CannotStart", code: null, message: error.message, data: null };
    },
  );
}

/** Puts the newest checkpoint, where there is one, where AGENTCTL_CHECKPOINT points. Throws when it is corrupt. */
async function writeCheckpoint(engine: Engine, task: Task): Promise<void> {
  if (!task.checkpoint) return;
  const { folder, checkpoint } = foldersOf(engine, task.id);
  const data = await engine.store.checkpointData(task.id, task.checkpoint.seq);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(`${checkpoint}.new`, data, { mode: 0o600 });
  renameSync(`${checkpoint}.new`, checkpoint);
}

/** Nothing was started: the checkpoint cannot be used, or a file cannot be written. */
async function suspendUnstarted(engine: Engine, task: Task, live: Live, cause: unknown): Promise<void> {
  engine.forget(live);
  if (live.running) await engine.runner.terminate(live.running, { graceMs: 0 });
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
