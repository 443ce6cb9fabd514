import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";

/** How long a test waits for an expected event, even on a busy machine. */
export const PATIENCE_MS = 40_000;

/** The time between two polls grows from the first to the longest: each poll takes CPU time from the awaited work. */
const FIRST_MS = 10;
const LONGEST_MS = 50;

interface UntilOptions {
  deadlineMs?: number;
  /** The time between two polls. Default: it grows from 10 ms to 50 ms. */
  everyMs?: number;
  message?: string;
}

/**
 * Polls until `condition` returns something truthy, and returns that. A condition that throws counts as not yet true.
 * After the deadline, throws an error that shows the last value or the last error. If an `expect` in the condition
 * fails, the wait fails at once.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { deadlineMs = PATIENCE_MS, everyMs, message = "the condition" }: UntilOptions = {},
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  const caller = new Error();
  Error.captureStackTrace(caller, until);
  let last: Seen = { text: "nothing: it did not answer" };
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(pauseMs * 1.2, LONGEST_MS)) {
    const value = await answered(condition, deadline, (seen) => {
      last = seen;
    });
    if (value) return value;
    if (isAssertion(last.error) || performance.now() >= deadline) break;
    await sleep(everyMs ?? pauseMs);
  }
  caller.cause = last.error;
  caller.message = isAssertion(last.error)
    ? `${message} was waited for when this failed: ${last.text}`
    : `${message} did not hold within ${deadlineMs} ms; last seen: ${last.text}`;
  throw caller;
}

/** The last result of the condition: its value as text, or the error that it threw. */
interface Seen {
  text: string;
  error?: unknown;
}

function isAssertion(error: unknown): boolean {
  return error instanceof Error && error.name === "AssertionError";
}

async function answered<T>(condition: () => T | Promise<T>, deadline: number, see: (last: Seen) => void) {
  const tooLate = new AbortController();
  const rest = Math.max(deadline - performance.now(), 1);
  try {
    const late = sleep(rest, undefined, { signal: tooLate.signal }).catch(() => undefined);
    const observed = async () => {
      const value = await condition();
      see({ text: inspect(value, { depth: 4 }) });
      return value;
    };
    return await Promise.race([observed(), late]);
  } catch (error) {
    // The condition has skipped the test.
    if ((error as { code?: string }).code === "VITEST_PENDING") throw error;
    see({ text: error instanceof Error ? `${error.name}: ${error.message}` : inspect(error), error });
    return undefined;
  } finally {
    tooLate.abort();
  }
}
