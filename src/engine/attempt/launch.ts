import { closeSync, mkdirSync, openSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { type AgentctlError, asAgentctlError } from "../../core/errors.ts";
import type { Inherited } from "../../core/inherited.ts";
import type { Task } from "../../core/task.ts";
import type { LaunchSpec, Running } from "../../runner/index.ts";
import type { Change } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { environmentOf, foldersOf, logFile, type TaskEnvironment } from "../files/environment.ts";
import { hostCommand } from "../hosts/host-command.ts";
import { HOST_ENVIRONMENT, type WaitingHost } from "../hosts/hosts.ts";
import { isNoRoom, noRoomError, requeued } from "../no-room.ts";
import type { ActiveAttempt } from "./active-attempt.ts";
import { daemonPause } from "./conclude.ts";
import { settlePause, watchEnd } from "./finish.ts";
import { retryWhileFull } from "./retry-while-full.ts";
import { feedStdin, prepareStdin } from "./stdin.ts";
import { armTimeout } from "./timeout.ts";

interface LaunchInput {
  env: TaskEnvironment;
  host?: WaitingHost<ActiveAttempt> | undefined;
}

/** Gives an attempt that is already durable its process: the waiting `host`, or a new process. Never rejects. */
export function launch(engine: Engine, task: Task, active: ActiveAttempt, input: LaunchInput): Promise<void> {
  engine.track(active);
  const launched = launchProcess(engine, task, active, input).catch((error) => {
    engine.log.error({ task: task.id, error: asAgentctlError(error).message }, "a launch failed");
  });
  active.update({ launched });
  return launched;
}

async function launchProcess(
  engine: Engine,
  task: Task,
  active: ActiveAttempt,
  { env, host }: LaunchInput,
): Promise<void> {
  try {
    if (task.journaled) await engine.store.requireJournal(task.id);
    if (task.checkpoint) await writeCheckpoint(engine, task, task.checkpoint.seq);
    makeFolders(engine, task.id);
    // Do this before the start: if there is no room for the log, nothing has run yet.
    if (!host) makeLog(engine, task.id, active.attempt);
    const stdin = await prepareStdin(engine, task);
    engine.fault("start:before-spawn");
    active.setProcess(
      host ? adoptHost(engine, active, host) : launchNew(engine, task, active, { env, stdin }),
    );
  } catch (error) {
    active.markEnding(engine.clock.mono());
    // Not awaited: those who wait for the process need not wait until this is recorded.
    void suspendUnstarted(engine, task, active, error, host);
    return;
  }
  engine.fault("start:after-launch");
  if (!host) noteProcess(engine, active);
  feedStdin(engine, task);
  armTimeout(engine, active, task);
  watchEnd(engine, active);
  if (host) {
    engine.fault("start:before-assign");
    engine.hosts.assign(host, active);
    engine.fault("start:after-assign");
  }
  if (active.isModule) engine.hosts.refill();
}

/** Returns what the process inherits: what the submitting command had, except for a nice value that the user set. */
export function inheritedBy({ inherited, nice }: Task): Inherited {
  return { ...inherited, nice: nice ?? inherited.nice };
}

function launchNew(
  engine: Engine,
  task: Task,
  active: ActiveAttempt,
  { env, stdin }: { env: TaskEnvironment; stdin: LaunchSpec["stdin"] },
): Running {
  return engine.runner.launch({
    key: active.runKey,
    token: active.token,
    argv: task.argv ?? hostCommand(engine.places),
    cwd: task.kind !== "program" ? engine.places.home : task.cwd,
    env: {
      ...environmentOf(engine, task, { n: active.attempt, token: active.token }, env),
      ...(task.kind !== "program" ? HOST_ENVIRONMENT : {}),
    },
    logFile: logFile(engine, task.id, active.attempt),
    stdin,
    inherited: inheritedBy(task),
  });
}

/** Takes over a waiting host and returns its process. The file with the host's output becomes the attempt's log. */
function adoptHost(engine: Engine, active: ActiveAttempt, host: WaitingHost<ActiveAttempt>): Running {
  renameSync(host.logFile, logFile(engine, active.taskId, active.attempt));
  return host.running;
}

/**
 * How long after its start, in ms, a process is noted in the store. A short attempt ends before that and needs no note.
 * Until then, and if the daemon dies before the note, the process is found by its run files.
 */
const NOTE_DELAY_MS = 50;

function noteProcess(engine: Engine, active: ActiveAttempt): void {
  active.running?.started.then(
    (program) => {
      setTimeout(() => {
        if (active.isEnding) return;
        const fields = { pid: program.pid, pidStart: program.startTime };
        engine.store.noteAttempt(active.taskId, active.attempt, fields).catch(() => {});
      }, NOTE_DELAY_MS).unref();
    },
    (error: NodeJS.ErrnoException) => {
      const startFailure = {
        name: "CannotStart",
        code: null,
        message: `cannot start ${active.label}: ${error.message}`,
        data: error.code === undefined ? null : { code: error.code },
      };
      active.update({ startFailure });
    },
  );
}

/** Makes the folders that a task needs to begin. Throws if there is no room for them. */
function makeFolders(engine: Engine, id: number): void {
  const { folder, logs } = foldersOf(engine, id);
  for (const path of [folder, logs]) mkdirSync(path, { recursive: true, mode: 0o700 });
}

/** Makes the log of an attempt that is about to begin. Throws if there is no room for it. */
function makeLog(engine: Engine, id: number, attempt: number): void {
  closeSync(openSync(logFile(engine, id, attempt), "a", 0o600));
}

/** Writes the newest checkpoint to the file that AGENTCTL_CHECKPOINT names. Rejects if it is corrupt. */
async function writeCheckpoint(engine: Engine, task: Task, seq: number): Promise<void> {
  const { checkpoint } = foldersOf(engine, task.id);
  const data = await engine.store.checkpointData(task.id, seq);
  mkdirSync(dirname(checkpoint), { recursive: true, mode: 0o700 });
  writeFileSync(`${checkpoint}.new`, data, { mode: 0o600 });
  renameSync(`${checkpoint}.new`, checkpoint);
}

/**
 * Records that nothing was started: the checkpoint or journal cannot be used, or a file cannot be written. If only room
 * is missing, or a cluster's database is unreachable, the task goes back into the queue with a delay; otherwise it is
 * suspended. The attempt has begun and must be recorded, so this waits while the disk is full.
 */
async function suspendUnstarted(
  engine: Engine,
  task: Task,
  active: ActiveAttempt,
  cause: unknown,
  host: WaitingHost<ActiveAttempt> | undefined,
): Promise<void> {
  try {
    if (active.running) await engine.runner.terminate(active.running, { graceMs: 0 });
    else if (host) await engine.hosts.drop(host);
    const ended = await recordUnstarted(engine, task, active, cause);
    engine.forget(active);
    settlePause(active, ended);
    active.ended.resolve(ended);
    engine.wake();
  } catch (error) {
    engine.log.error(
      { task: task.id, error: String(error) },
      "a failed start could not be recorded: agentctl doctor finds what is left of it",
    );
    engine.forget(active);
    active.pausing?.reject(asAgentctlError(error));
    active.ended.reject(asAgentctlError(error));
  }
}

async function recordUnstarted(
  engine: Engine,
  task: Task,
  active: ActiveAttempt,
  cause: unknown,
): Promise<Task> {
  const hasNoRoom = isNoRoom((cause as NodeJS.ErrnoException).code);
  const error = hasNoRoom ? noRoomError(cause, engine.places.home) : asAgentctlError(cause);
  const isTemporary = error.name === "StoreUnavailable";
  engine.log.warn({ task: task.id, error: error.message }, "a task could not be started");
  const failure = { name: error.name, code: error.code, message: error.message, data: error.data };
  return await retryWhileFull(engine.places.home, () => {
    const at = engine.clock.now();
    const change = isTemporary ? requeued(at) : notUsable(error, at);
    return engine.store.apply({
      ...change,
      id: task.id,
      attempt: active.attempt,
      at,
      actor: "daemon",
      set: { ...change.set, error: failure },
      end: { outcome: "failed", exitCode: null, signal: null, endedAt: at },
    });
  });
}

function notUsable(error: AgentctlError, at: number): Pick<Change, "transition" | "cause" | "set"> {
  const isCorrupt = error.name === "CheckpointCorrupt" || error.name === "CheckpointNotFound";
  const cause = isCorrupt ? "corrupt" : "lost";
  return { transition: "suspend", cause, set: { pause: daemonPause(cause, error.message, at) } };
}
