import { accessSync, constants, statSync } from "node:fs";
import type { Failure, Task } from "../../core/task.ts";
import type { StartRefusal } from "../../runner/index.ts";
import type { Engine } from "../engine.ts";
import { type Given, givenEnvironment } from "../files/environment.ts";
import { isNoRoom } from "../no-room.ts";

/** Why a task cannot be started, with the exit code that a shell would give. */
export interface Refusal extends Failure {
  exitCode: number;
}

/**
 * The environment of a task that can be started, or why its program or module cannot, as far as can be known before.
 * Throws where the system has no room even to look.
 */
export function prepareStart(engine: Engine, task: Task): { env: Given } | { refusal: Refusal } {
  try {
    const env = givenEnvironment(engine, task);
    if (isFile(task.stdin)) requireReadable(task.stdin);
    const refusal = task.module
      ? cannotRun(task.module.path, task.cwd)
      : refusalFor(engine.runner.cannotStart(task.argv as string[], task.cwd, env, engine.places.path));
    return refusal ? { refusal } : { env };
  } catch (error) {
    if (isNoRoom((error as NodeJS.ErrnoException).code)) throw error;
    const what = task.module?.path ?? task.argv?.[0];
    return { refusal: refusalOf(126, `cannot start ${what}: ${(error as Error).message}`) };
  }
}

/** Whether the field names a file of the caller's. */
function isFile(stdin: Task["stdin"]): stdin is string {
  return stdin !== null && stdin !== "pipe" && stdin !== "-";
}

/** To open a FIFO or a device may wait: only whether it is there is looked at. */
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

function refusalFor(refusal: StartRefusal | undefined): Refusal | null {
  return refusal ? refusalOf(refusal.exitCode, refusal.message) : null;
}

function cannotRun(module: string, cwd: string): Refusal | null {
  try {
    if (!statSync(module).isFile()) return refusalOf(126, `cannot start ${module}: it is not a file`);
    accessSync(module, constants.R_OK);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    return refusalOf(
      isMissing ? 127 : 126,
      `cannot start ${module}: ${isMissing ? "there is no such file" : (error as Error).message}`,
    );
  }
  try {
    accessSync(cwd, constants.X_OK);
    return null;
  } catch {
    return refusalOf(126, `cannot start ${module}: the working directory ${cwd} cannot be entered`);
  }
}

function refusalOf(exitCode: number, message: string): Refusal {
  return { name: "CannotStart", code: null, message, data: { exitCode }, exitCode };
}

/** What a shell would say of a program that cannot be run. */
export function cannotStart(reason: string): Refusal {
  return refusalOf(126, reason);
}

/** A submitted task fails; a resumed one stays suspended, so that what it saved is not lost. */
export async function refuse(engine: Engine, task: Task, { exitCode, ...error }: Refusal): Promise<void> {
  const at = engine.clock.now();
  const common = { id: task.id, attempt: task.attempt, at, cause: "cannot-start", actor: "daemon" };
  if (task.state === "submitted") {
    await engine.store.apply({ ...common, transition: "refuse", set: { error, exitCode } });
  } else {
    // Whoever planned its resume has had it: it would only be refused again, at exactly once.
    const pause = task.pause && { ...task.pause, until: null };
    await engine.store.apply({ ...common, transition: "unresume", set: { error, pause } });
  }
  engine.log.warn({ task: task.id, error: error.message }, "a task cannot be started");
}
