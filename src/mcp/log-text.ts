import { requireLog } from "../core/errors.ts";
import type { Access } from "./access.ts";

/** How many bytes one call returns at most: an agent cannot read a gigabyte. */
const MAX_BYTES = 256 * 1024;

interface Part {
  attempt: number;
  start: number;
  size: number;
}

/** The result of `logs/read`. */
interface Piece {
  data: string;
  size: number;
}

/** Returns the end of a task's log, or what was added after an offset. `next` is the offset for the next call. */
export async function logText(
  access: Access,
  args: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const { id, lines = 100, since } = args as { id: unknown; lines?: number; since?: number };
  const found = (await access.call("logs/path", { id })) as {
    logs: { attempt: number }[];
    missing: number[];
    task: { id: number; state: string };
  };
  requireLog(found);
  const { logs, task } = found;
  const { parts, size } = await measureLogs(access, task.id, logs);
  const startOffset = Math.max(since ?? 0, size - MAX_BYTES, 0);
  const whole = (await bytesFrom(access, task.id, parts, startOffset)).toString("utf8");
  const text = since === undefined ? lastLines(whole, lines) : whole;
  return {
    id: task.id,
    state: task.state,
    text,
    next: size,
    truncated: since !== undefined && startOffset > since,
  };
}

async function readLog(access: Access, params: object): Promise<Piece> {
  return (await access.call("logs/read", params)) as Piece;
}

async function measureLogs(
  access: Access,
  id: number,
  logs: readonly { attempt: number }[],
): Promise<{ parts: Part[]; size: number }> {
  const parts: Part[] = [];
  let start = 0;
  for (const { attempt } of logs) {
    const { size } = await readLog(access, { id, attempt, length: 0 });
    parts.push({ attempt, start, size });
    start += size;
  }
  return { parts, size: start };
}

async function bytesFrom(
  access: Access,
  id: number,
  parts: readonly Part[],
  startOffset: number,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (const { attempt, start, size } of parts) {
    const offset = Math.max(0, startOffset - start);
    if (offset >= size) continue;
    const { data } = await readLog(access, { id, attempt, offset, length: size - offset });
    pieces.push(Buffer.from(data, "base64"));
  }
  return Buffer.concat(pieces);
}

function lastLines(text: string, lines: number): string {
  const all = text.split("\n");
  const isEnded = all.at(-1) === "";
  return all.slice(-lines - (isEnded ? 1 : 0)).join("\n");
}
