/** Prepares what the program of an attempt reads from its stdin. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Task } from "../../core/task.ts";
import type { LaunchSpec } from "../../runner/index.ts";
import type { Engine, TaskPipe } from "../engine.ts";
import { foldersOf } from "../files/environment.ts";
import { StdinPipe } from "./stdin-pipe.ts";

/** Makes the stdin of an attempt that begins. Rejects if there is no room. */
export async function prepareStdin(engine: Engine, task: Task): Promise<LaunchSpec["stdin"]> {
  const { stdin, stdinEnd } = foldersOf(engine, task.id);
  if (task.stdin === null) return undefined;
  if (task.stdin !== "pipe" && task.stdin !== "-") return { path: task.stdin };
  mkdirSync(dirname(stdin), { recursive: true, mode: 0o700 });
  if (task.stdin === "-") {
    if (!existsSync(stdin)) writeAtomically(stdin, await engine.store.inbox.stdin(task.id));
    return { path: stdin };
  }
  await engine.runner.makePipes([stdin, stdinEnd]);
  pipeOf(engine, task.id).open();
  return { path: stdin, endPath: stdinEnd };
}

/** Starts to write the messages sent so far, once an attempt has its process or was found again. */
export function feedStdin(engine: Engine, task: Task): void {
  if (task.stdin === "pipe" && existsSync(foldersOf(engine, task.id).stdin)) pipeOf(engine, task.id).check();
}

function pipeOf(engine: Engine, id: number): TaskPipe {
  const existing = engine.pipes.get(id);
  if (existing) return existing;
  const pipe = new StdinPipe(engine, id);
  engine.pipes.set(id, pipe);
  return pipe;
}

/** Ends the process that holds the pipe open, after the program of an attempt has ended. */
export function endStdin(engine: Engine, id: number): void {
  try {
    engine.pipes.get(id)?.endAttempt();
  } catch {
    // That process has already ended, or ends with the rest of the tree.
  }
}

function writeAtomically(path: string, data: Buffer): void {
  writeFileSync(`${path}.new`, data, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
