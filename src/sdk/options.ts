import { DURATION_FORMS, parseDuration } from "../core/time.ts";
import type { Duration } from "./api.ts";

const MAX_MS = 100 * 365 * 86_400_000;

/** Converts `duration` to whole milliseconds. Throws a TypeError that begins with `label` and says what is accepted. */
export function toMs(duration: Duration, label: string): number {
  const ms = typeof duration === "string" ? parseDuration(duration) : Math.ceil(Number(duration));
  if (ms !== undefined && typeof duration !== "object" && ms >= 0 && ms <= MAX_MS) return ms;
  const text = typeof duration === "string" ? JSON.stringify(duration) : String(duration);
  throw new TypeError(`${label} is ${text}; it takes ${DURATION_FORMS}, or a number of milliseconds`);
}

/**
 * Returns the options of a call, or an empty object if none were given. Throws a TypeError if `options` is not an
 * object, or has a name that is not in `names`: such an option would have no effect, and nothing would report it.
 */
export function checkedOptions<T extends object>(
  options: T | null | undefined,
  names: readonly (keyof T & string)[],
  call: string,
): Partial<T> {
  if (options === undefined || options === null) return {};
  const expected = `it takes ${names.join(", ")}`;
  if (typeof options !== "object") throw new TypeError(`${call}: its options are an object; ${expected}`);
  const unknownName = Object.keys(options).find((name) => !names.some((each) => each === name));
  if (unknownName !== undefined)
    throw new TypeError(`${call}: ${JSON.stringify(unknownName)} is not an option; ${expected}`);
  return options;
}
