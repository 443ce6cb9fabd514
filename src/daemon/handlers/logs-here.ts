import { existsSync, statSync } from "node:fs";
import { AgentctlError } from "../../core/errors.ts";
import type { Attempt, Task } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import { foldersOf, logFile, rawLogFile } from "../../engine/index.ts";
import type { Result } from "../../protocol/methods.ts";
import type { Daemon } from "./context.ts";
import { piece, type Wanted } from "./piece.ts";

/** The logs of attempts that ran here, and the numbers of the attempts whose log is gone. */
export type Found = Pick<Result<"logs/path">, "logs" | "missing">;

export function logsHere(daemon: Daemon, task: Task, attempts: readonly Attempt[], raw: boolean): Found {
  const { engine } = daemon;
  const places = attempts.map(({ n, endedAt }) => ({
    attempt: n,
    path: placeOf(engine, task.id, n, raw),
    live: endedAt === null,
    machine: null,
    start: 0,
  }));
  const logs = places.flatMap((log) => {
    const stat = statSync(log.path, { throwIfNoEntry: false });
    return stat ? [{ ...log, updatedAt: toIso(Math.round(stat.mtimeMs)) }] : [];
  });
  const missing = places
    .filter(({ attempt: n, path }) => !existsSync(path) && !raw && isGone(daemon, task, n))
    .map(({ attempt: n }) => n);
  return { logs, missing };
}

/**
 * Returns the path of an attempt's log. With `raw`, the log of a coding agent's lines, which only a coding agent has.
 */
export function placeOf(engine: Daemon["engine"], id: number, n: number, raw: boolean): string {
  return (raw ? rawLogFile : logFile)(engine, id, n);
}

/**
 * Returns whether somebody removed a log that is missing. There are three other reasons. An earlier attempt's log is
 * dropped when all together are too long. If a program prints nothing, another task may get its log's folder. An
 * attempt that is just starting has no log yet.
 */
function isGone({ engine }: Daemon, task: Task, n: number): boolean {
  if (n !== task.attempt) return false;
  const active = engine.active.get(task.id);
  if (active ? !active.running : engine.starting.has(task.id)) return false;
  return existsSync(foldersOf(engine, task.id).folder);
}

/** Returns bytes of a log that is here. Rejects with `LogNotFound` if the log is gone. */
export async function readHere(
  daemon: Daemon,
  task: Task,
  n: number,
  wanted: Wanted & { raw: boolean },
): Promise<{ data: Buffer; offset: number; size: number }> {
  const nothing = { data: Buffer.alloc(0), offset: wanted.offset ?? 0, size: 0 };
  try {
    return (await piece(placeOf(daemon.engine, task.id, n, wanted.raw), wanted)) ?? missing();
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    throw notFound((error as Error).message, error);
  }

  function missing() {
    const isDropped = n !== 0 && n !== task.attempt;
    if (wanted.raw || (!isDropped && !isGone(daemon, task, n))) return nothing;
    throw notFound(isDropped ? "it was dropped, or removed" : "it was removed");
  }

  function notFound(reason: string, cause?: unknown): AgentctlError {
    const facts = { id: task.id, state: task.state, attempt: n, reason };
    return new AgentctlError("LogNotFound", facts, { cause });
  }
}
