import { existsSync, statSync } from "node:fs";
import { AgentctlError } from "../../core/errors.ts";
import type { Attempt, Task } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import { foldersOf, logFile, rawLogFile } from "../../engine/index.ts";
import type { Result } from "../../protocol/methods.ts";
import type { Daemon } from "./context.ts";
import { type PieceRequest, readPiece } from "./piece.ts";

/** The logs of attempts that ran here, and the numbers of the attempts whose log is gone. */
export type FoundLogs = Pick<Result<"logs/path">, "logs" | "missing">;

export function findLocalLogs(
  daemon: Daemon,
  task: Task,
  attempts: readonly Attempt[],
  raw: boolean,
): FoundLogs {
  const { engine } = daemon;
  const places = attempts.map(({ n, endedAt }) => ({
    attempt: n,
    path: logPath(engine, task.id, n, raw),
    live: endedAt === null,
    machine: null,
    start: 0,
  }));
  const logs = places.flatMap((log) => {
    const stat = statSync(log.path, { throwIfNoEntry: false });
    return stat ? [{ ...log, updatedAt: toIso(Math.round(stat.mtimeMs)) }] : [];
  });
  const missing = places
    .filter(({ attempt: n, path }) => !existsSync(path) && !raw && isRemoved(daemon, task, n))
    .map(({ attempt: n }) => n);
  return { logs, missing };
}

/**
 * Returns the path of an attempt's log. With `raw`, the log of a coding agent's lines, which only a coding agent has.
 */
export function logPath(engine: Daemon["engine"], id: number, n: number, raw: boolean): string {
  return (raw ? rawLogFile : logFile)(engine, id, n);
}

/**
 * Returns whether somebody removed a log that is missing. There are three other reasons. An earlier attempt's log is
 * dropped when all together are too long. If a program prints nothing, another task may get its log's folder. An
 * attempt that is just starting has no log yet.
 */
function isRemoved({ engine }: Daemon, task: Task, n: number): boolean {
  if (n !== task.attempt) return false;
  const active = engine.active.get(task.id);
  if (active ? !active.running : engine.starting.has(task.id)) return false;
  return existsSync(foldersOf(engine, task.id).folder);
}

/** Returns bytes of a log that is here. Rejects with `LogNotFound` if the log is gone. */
export async function readLocalLog(
  daemon: Daemon,
  task: Task,
  n: number,
  range: PieceRequest & { raw: boolean },
): Promise<{ data: Buffer; offset: number; size: number }> {
  const empty = { data: Buffer.alloc(0), offset: range.offset ?? 0, size: 0 };
  try {
    return (await readPiece(logPath(daemon.engine, task.id, n, range.raw), range)) ?? missing();
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    throw notFound((error as Error).message, error);
  }

  function missing() {
    const isDropped = n !== 0 && n !== task.attempt;
    if (range.raw || (!isDropped && !isRemoved(daemon, task, n))) return empty;
    throw notFound(isDropped ? "it was dropped, or removed" : "it was removed");
  }

  function notFound(reason: string, cause?: unknown): AgentctlError {
    const data = { id: task.id, state: task.state, attempt: n, reason };
    return new AgentctlError("LogNotFound", data, { cause });
  }
}
