import { accessSync, constants, statSync } from "node:fs";
import type { AgentctlError } from "../../core/errors.ts";
import type { Failure, Task } from "../../core/task.ts";
import { explainReadError } from "../../home/text.ts";
import type { StartRefusal } from "../../runner/index.ts";
import type { Engine } from "../engine.ts";
import { type TaskEnvironment, taskEnvironment } from "../files/environment.ts";
import { isNoRoom } from "../no-room.ts";

/** Why a task cannot be started, with the exit code that a shell would give. */
export interface Refusal extends Failure {
  exitCode: number;
}

/**
 * Returns the environment of a task, or the reason why its program or module cannot start, as far as we can know before
 * the start. Throws if the system lacks the resources even to check.
 */
export function prepareStart(engine: Engine, task: Task): { env: TaskEnvironment } | { refusal: Refusal } {
  try {
    const env = taskEnvironment(engine, task);
    if (isFile(task.stdin)) requireReadable(task.stdin);
    const refusal = task.module
      ? moduleRefusal(task.module.path, task.cwd)
      : programRefusal(engine.runner.cannotStart(task.argv as string[], task.cwd, env, engine.places.path));
    return refusal ? { refusal } : { env };
  } catch (error) {
    if (isNoRoom((error as NodeJS.ErrnoException).code)) throw error;
    const command = task.module?.path ?? task.argv?.[0];
    return { refusal: makeRefusal(126, `cannot start ${command}: ${(error as Error).message}`) };
  }
}

/** Whether the field names one of the caller's files. */
function isFile(stdin: Task["stdin"]): stdin is string {
  return stdin !== null && stdin !== "pipe" && stdin !== "-";
}

/** Throws if the file cannot be read. Does not open it, because opening a FIFO or a device may block. */
function requireReadable(stdin: string): void {
  try {
    accessSync(stdin, constants.R_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isNoRoom(code)) throw error;
    throw new Error(
      `its stdin ${stdin} ${code === "ENOENT" ? "does not exist" : `cannot be read (${code})`}`,
    );
  }
}

function programRefusal(refusal: StartRefusal | undefined): Refusal | null {
  return refusal ? makeRefusal(refusal.exitCode, refusal.message) : null;
}

function moduleRefusal(module: string, cwd: string): Refusal | null {
  try {
    if (!statSync(module).isFile()) return makeRefusal(126, `cannot start ${module}: it is not a file`);
    accessSync(module, constants.R_OK);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return makeRefusal(isMissing ? 127 : 126, `cannot start ${module}: ${explainReadError(error)}`);
  }
  try {
    accessSync(cwd, constants.X_OK);
    return null;
  } catch {
    return makeRefusal(126, `cannot start ${module}: the working directory ${cwd} cannot be entered`);
  }
}

function makeRefusal(exitCode: number, message: string): Refusal {
  return { name: "CannotStart", code: null, message, data: { exitCode }, exitCode };
}

/** Returns the refusal for this reason, with the exit code of a shell for a program that it cannot run. */
export function startRefusal(reason: string): Refusal {
  return makeRefusal(126, reason);
}

/** How long to wait before the next try, in ms, if the daemon's own files are gone. */
const RETRY_DELAY_MS = 5000;

/**
 * Puts a task off that only a restarted daemon can start. A submitted task stays queued, a resumed one is suspended.
 * Always rejects with `cause`.
 */
export async function postponeStart(engine: Engine, task: Task, cause: AgentctlError): Promise<never> {
  const { name, code, message, data } = cause;
  const error = { name, code, message, data };
  const notBefore = engine.clock.now() + RETRY_DELAY_MS;
  if (task.state !== "submitted") await refuse(engine, task, { ...error, exitCode: 126 });
  else await engine.store.update(task.id, { notBefore, delay: "backoff", error }, { states: ["submitted"] });
  throw cause;
}

/** Fails a submitted task; suspends a resumed one again, so that what it saved is not lost. */
export async function refuse(engine: Engine, task: Task, { exitCode, ...error }: Refusal): Promise<void> {
  const at = engine.clock.now();
  const common = { id: task.id, attempt: task.attempt, at, cause: "cannot-start", actor: "daemon" };
  if (task.state === "submitted") {
    await engine.store.apply({ ...common, transition: "refuse", set: { error, exitCode } });
  } else {
    // Drop the planned time of its resume. Otherwise the task would resume and be refused again.
    const pause = task.pause && { ...task.pause, until: null };
    await engine.store.apply({ ...common, transition: "unresume", set: { error, pause } });
  }
  engine.log.warn({ task: task.id, error: error.message }, "a task cannot be started");
}
