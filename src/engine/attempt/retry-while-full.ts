import { setTimeout as sleep } from "node:timers/promises";
import { asAgentctlError } from "../../core/errors.ts";

/** How often a write that cannot be done for want of disk space is tried again. */
const AGAIN_MS = 500;

/** Writes what can only be recorded, because it has happened: a full disk is waited out. */
export async function retryWhileFull<T>(write: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (asAgentctlError(error).name !== "StoreUnavailable") throw error;
      await sleep(AGAIN_MS);
    }
  }
}
