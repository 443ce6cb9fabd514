/** Bounds for the memory and work of responses, over all callers. */
import type { ServerResponse } from "node:http";
import { AgentctlError } from "../../core/errors.ts";

/** How many large responses are made at once. */
const MOST_LARGE = 8;
/** How many bytes of large responses may wait for their readers. */
const MOST_UNSENT_BYTES = 128 * 1024 * 1024;
const LARGE_BYTES = 64 * 1024;

const waiting: (() => void)[] = [];
let running = 0;
let unsent = 0;

/** Runs `work`, which makes a large response, in its turn. Rejects if nobody waits for the response by then. */
export async function inTurn<T>(response: ServerResponse, work: () => Promise<T>): Promise<T> {
  if (running >= MOST_LARGE) await new Promise<void>((resolve) => waiting.push(resolve));
  running++;
  try {
    requireReader(response);
    return await work();
  } finally {
    running--;
    waiting.shift()?.();
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
  if (unsent > 0 && unsent + bytes > MOST_UNSENT_BYTES)
    throw new AgentctlError("TooMany", { reason: "too many bytes of answers wait for slow readers" });
  unsent += bytes;
  response.once("close", () => {
    unsent -= bytes;
  });
}
