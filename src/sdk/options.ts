import { DURATION_FORMS, parseDuration } from "../core/time.ts";
import type { Duration } from "./api.ts";

const LONGEST_MS = 100 * 365 * 86_400_000;

/** Converts `duration` to whole milliseconds. Throws a TypeError that names `what` and says what is accepted. */
export function toMs(duration: Duration, what: string): number {
  const ms = typeof duration === "string" ? parseDuration(duration) : Math.ceil(Number(duration));
  if (ms !== undefined && typeof duration !== "object" && ms >= 0 && ms <= LONGEST_MS) return ms;
  const shown = typeof duration === "string" ? JSON.stringify(duration) : String(duration);
  throw new TypeError(`${what} is ${shown}; it takes ${DURATION_FORMS}, or a number of milliseconds`);
}

/**
 * Returns the options of a call, or an empty object if none were given. Throws a TypeError if `options` is not an
 * object, or has a name that is not in `known`: such an option would have no effect, and nothing would report it.
 */
export function checkedOptions<T extends object>(
  options: T | null | undefined,
  known: readonly (keyof T & string)[],
  call: string,
): Partial<T> {
  if (options === undefined || options === null) return {};
  const takes = `it takes ${known.join(", ")}`;
  if (typeof options !== "object") throw new TypeError(`${call}: its options are an object; ${takes}`);
  const unknown = Object.keys(options).find((name) => !known.some((each) => each === name));
  if (unknown !== undefined)
    throw new TypeError(`${call}: ${JSON.stringify(unknown)} is not an option; ${takes}`);
  return options;
}
