/** Bounds for the memory and work of responses, over all callers. */
import type { ServerResponse } from "node:http";
import { AgentctlError } from "../../core/errors.ts";

/** How many large responses are made at once. */
const MAX_LARGE = 8;
/** How many bytes of large responses may wait for their readers. */
const MAX_UNSENT_BYTES = 128 * 1024 * 1024;
const LARGE_BYTES = 64 * 1024;

const waiters: (() => void)[] = [];
let running = 0;
let unsentBytes = 0;

/** Runs `work`, which makes a large response, in its turn. Rejects if nobody waits for the response by then. */
export async function inTurn<T>(response: ServerResponse, work: () => Promise<T>): Promise<T> {
  if (running >= MAX_LARGE) await new Promise<void>((resolve) => waiters.push(resolve));
  running++;
  try {
    requireReader(response);
    return await work();
  } finally {
    running--;
    waiters.shift()?.();
  }
}

/** Throws if the caller has gone, because nobody would read the response. */
export function requireReader(response: ServerResponse): void {
  if (response.destroyed) throw new AgentctlError("InvalidRequest", { reason: "its caller is gone" });
}

/** Counts part of a response until it is sent or its reader is gone. Throws `TooMany` if too much waits already. */
export function countUnsent(response: ServerResponse, bytes: number): void {
  if (bytes < LARGE_BYTES) return;
  requireReader(response);
  if (unsentBytes > 0 && unsentBytes + bytes > MAX_UNSENT_BYTES)
    throw new AgentctlError("TooMany", { reason: "too many bytes of answers wait for slow readers" });
  unsentBytes += bytes;
  response.once("close", () => {
    unsentBytes -= bytes;
  });
}
