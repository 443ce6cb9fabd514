import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { begin } from "./answer.ts";

/** A file, and how many of its bytes to send. */
interface Part {
  path: string;
  size: number;
}

/** Sends files one after the other as one body, or the part that `Range` names (RFC 9110, section 14; one range). */
export async function sendFiles(
  request: IncomingMessage,
  response: ServerResponse,
  files: readonly Part[],
  headers: Record<string, string>,
): Promise<void> {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const range = rangeOf(request.headers.range, size);
  const common = { ...headers, "Accept-Ranges": "bytes" };
  if (range === null) {
    begin(response, 416, { ...common, "Content-Range": `bytes */${size}`, "Content-Length": 0 });
    response.end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: size };
  const contentRange = range ? { "Content-Range": `bytes ${start}-${end - 1}/${size}` } : {};
  begin(response, range ? 206 : 200, { ...common, ...contentRange, "Content-Length": end - start });
  if (request.method === "HEAD" || start === end) {
    response.end();
    return;
  }
  await pipeline(bytesOf(files, start, end), response).catch(() => response.destroy());
}

async function* bytesOf(files: readonly Part[], start: number, end: number): AsyncGenerator<Buffer> {
  let offset = 0;
  for (const { path, size } of files) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, size);
    offset += size;
    if (from >= to) continue;
    yield* createReadStream(path, { start: from, end: to - 1 }) as AsyncIterable<Buffer>;
  }
}

/** Returns the bytes that a header asks for: undefined for all, null if there are no such bytes. */
function rangeOf(
  header: string | undefined,
  size: number,
): { start: number; end: number } | undefined | null {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
  if (first === "") return Number(last) === 0 ? null : { start: Math.max(0, size - Number(last)), end: size };
  const start = Number(first);
  const end = last === "" ? size : Math.min(size, Number(last) + 1);
  if (last !== "" && Number(last) < start) return undefined;
  return start >= size ? null : { start, end };
}
