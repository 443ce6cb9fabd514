import { open, stat } from "node:fs/promises";
import type { Access } from "./access.ts";

/** An agent reads a page of output, and not a gigabyte. */
const MOST_BYTES = 256 * 1024;

interface Part {
  path: string;
  start: number;
  size: number;
}

/** The end of a task's log, or what has come since an offset; `next` is the offset with which to go on. */
export async function logText(
  access: Access,
  args: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const { id, lines = 100, since } = args as { id: unknown; lines?: number; since?: number };
  const { logs, task } = (await access.call("logs/path", { id })) as {
    logs: { path: string }[];
    task: { id: number; state: string };
  };
  const { parts, size } = await sizes(logs);
  const from = Math.max(since ?? 0, size - MOST_BYTES, 0);
  const whole = (await bytesFrom(parts, from)).toString("utf8");
  const text = since === undefined ? lastLines(whole, lines) : whole;
  return { id: task.id, state: task.state, text, next: size, truncated: since !== undefined && from > since };
}

async function sizes(logs: readonly { path: string }[]): Promise<{ parts: Part[]; size: number }> {
  const parts: Part[] = [];
  let size = 0;
  for (const { path } of logs) {
    const found = await stat(path).catch(() => undefined);
    if (!found) continue;
    parts.push({ path, start: size, size: found.size });
    size += found.size;
  }
  return { parts, size };
}

async function bytesFrom(parts: readonly Part[], from: number): Promise<Buffer> {
  const read: Buffer[] = [];
  for (const { path, start, size } of parts) {
    const offset = Math.max(0, from - start);
    if (offset >= size) continue;
    const handle = await open(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - offset), 0, size - offset, offset);
      read.push(buffer.subarray(0, bytesRead));
    } finally {
      await handle.close();
    }
  }
  return Buffer.concat(read);
}

function lastLines(text: string, lines: number): string {
  const all = text.split("\n");
  const isEnded = all.at(-1) === "";
  return all.slice(-lines - (isEnded ? 1 : 0)).join("\n");
}
