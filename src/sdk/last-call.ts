import { readSync } from "node:fs";
import type { Socket } from "node:net";
import { systemClock } from "../core/time.ts";
import type { Method, Params } from "../protocol/methods.ts";

const POLL_MS = 5;
const ID = "last words";

/**
 * Makes a call from a process that is already exiting, where no event is delivered any more, and waits at most
 * `withinMs` for the response. A daemon that saw the process end first would assume that no call was made.
 */
export function sendLastCall<M extends Method>(
  socket: Socket,
  { method, params, withinMs }: { method: M; params: Params<M>; withinMs: number },
): void {
  socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: ID, method, params })}\n`);
  // Node has no public way to read a socket without its event loop.
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return;
  const deadline = systemClock.mono() + withinMs;
  const chunk = Buffer.alloc(64 * 1024);
  let received = "";
  while (!received.includes(JSON.stringify(ID)) && systemClock.mono() < deadline) {
    const size = read(fd, chunk);
    if (size === 0) return;
    if (size === undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
    else received = received.slice(-100) + chunk.toString("latin1", 0, size);
  }
}

/** Returns how many bytes were read: undefined if there are none yet, 0 if there will be none. */
function read(fd: number, chunk: Buffer): number | undefined {
  try {
    return readSync(fd, chunk);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EAGAIN" ? undefined : 0;
  }
}
