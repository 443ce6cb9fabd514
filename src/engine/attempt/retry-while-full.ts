import { setTimeout as sleep } from "node:timers/promises";
import { asAgentctlError } from "../../core/errors.ts";
import { giveReserve } from "../files/reserve.ts";

/** How often a write that cannot be done because the disk is full is tried again, and for how long: an hour. */
const AGAIN_MS = 500;
const TRIES = 7200;

/**
 * Writes what can only be recorded, because it has happened: gives up the room that is kept in `home` for this, and waits
 * while the disk is full. After an hour it rejects as the
 * write did; what the store then contradicts is repaired when it is met, and `agentctl doctor` finds it.
 */
export async function retryWhileFull<T>(home: string, write: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await write();
    } catch (error) {
      if (asAgentctlError(error).name !== "StoreUnavailable" || tries === TRIES) throw error;
      giveReserve(home);
      if (tries > 1) await sleep(AGAIN_MS);
    }
  }
}
