import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

interface UntilOptions {
  deadlineMs?: number;
  everyMs?: number;
  message?: string;
}

/**
 * Polls until `condition` gives something truthy, and returns that. A condition that throws counts as not yet true.
 * When the deadline passes, the error shows the last value, or the last error, so that a failure explains itself.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { deadlineMs = 20_000, everyMs = 20, message = "the condition" }: UntilOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  const caller = new Error();
  Error.captureStackTrace(caller, until);
  let last = "nothing: it did not answer";
  for (;;) {
    const value = await answered(condition, deadline, (seen) => {
      last = seen;
    });
    if (value) return value;
    if (performance.now() >= deadline) break;
    await sleep(everyMs);
  }
  caller.message = `${message} did not hold within ${deadlineMs} ms; last seen: ${last}`;
  throw caller;
}

async function answered<T>(condition: () => T | Promise<T>, deadline: number, see: (last: string) => void) {
  const tooLate = new AbortController();
  const rest = Math.max(deadline - performance.now(), 1);
  try {
    const late = sleep(rest, undefined, { signal: tooLate.signal }).catch(() => undefined);
    const observed = async () => {
      const value = await condition();
      see(inspect(value, { depth: 4 }));
      return value;
    };
    return await Promise.race([observed(), late]);
  } catch (error) {
    see(error instanceof Error ? `${error.name}: ${error.message}` : inspect(error));
    return undefined;
  } finally {
    tooLate.abort();
  }
}
