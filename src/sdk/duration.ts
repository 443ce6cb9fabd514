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
