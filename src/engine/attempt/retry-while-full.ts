import { setTimeout as sleep } from "node:timers/promises";
import { asAgentctlError } from "../../core/errors.ts";
import { giveReserve } from "../files/reserve.ts";

/** The interval, in ms, and the number of tries of a write while the disk is full: an hour in all. */
const RETRY_MS = 500;
const MAX_TRIES = 7200;

/**
 * Repeats a write while the disk is full, because it records what has already happened. Releases the space reserved in
 * `home` for this. After an hour, rejects as `write` did. What is then wrong in the store is repaired when the daemon
 * next meets it, and `agentctl doctor` finds it.
 */
export async function retryWhileFull<T>(home: string, write: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (asAgentctlError(error).name !== "StoreUnavailable" || tries === MAX_TRIES) throw error;
      giveReserve(home);
      if (tries > 1) await sleep(RETRY_MS);
    }
  }
}
