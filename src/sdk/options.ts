import { DURATION_FORMS, parseDuration } from "../core/time.ts";
import type { Duration } from "./api.ts";

const LONGEST_MS = 100 * 365 * 86_400_000;

/** Whole milliseconds of `duration`; throws a TypeError that says what is accepted and names `what`. */
export function toMs(duration: Duration, what: string): number {
  const ms = typeof duration === "string" ? parseDuration(duration) : Math.ceil(Number(duration));
  if (ms !== undefined && typeof duration !== "object" && ms >= 0 && ms <= LONGEST_MS) return ms;
  const shown = typeof duration === "string" ? JSON.stringify(duration) : String(duration);
  throw new TypeError(`${what} is ${shown}; it takes ${DURATION_FORMS}, or a number of milliseconds`);
}

/**
 * The options of a call, none where none were given. Throws a TypeError for what is no object, and for a name that is
 * not one of `known`: what it was to do would not be done, and nothing would say so.
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
