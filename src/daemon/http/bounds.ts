/** What answers may take of the daemon at once, over all callers. */
import type { ServerResponse } from "node:http";
import { AgentctlError } from "../../core/errors.ts";

/** So many large answers are worked on at once. */
const MOST_LARGE = 8;
/** So many bytes of large answers wait for their readers. */
const MOST_UNSENT_BYTES = 128 * 1024 * 1024;
const LARGE_BYTES = 64 * 1024;

const waiting: (() => void)[] = [];
let running = 0;
let unsent = 0;

/** Has `work` make a large answer when it has its turn; rejects where nobody waits for the answer by then. */
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

/** Throws where whoever asked has gone: what is still to be done would be for nobody. */
export function requireReader(response: ServerResponse): void {
  if (response.destroyed) throw new AgentctlError("InvalidRequest", { reason: "its caller is gone" });
}

/** Counts a part of an answer until the answer is out or its reader gone. Throws `TooMany` where too much waits already. */
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
