/**
 * Durations, points in time, and the clock that everything above is given. A duration is an integer of
 * milliseconds inside; only `<number><ms|s|m|h|d>` is read from a person. The grammar is stricter than that
 * of the `ms` package, which reads "1 year" and bare numbers, so it is written here.
 */

/** Time as the engine sees it: `now` is the wall clock, `mono` never jumps and stands still while the machine sleeps. */
export interface Clock {
  /** Milliseconds since 1970 UTC; may jump. */
  now(): number;
  /** Milliseconds since an arbitrary point; never goes back. */
  mono(): number;
}

// The functions as they are now: a task module may put some of its own in their place.
const { hrtime } = process;

/** The clock of this machine. */
export const systemClock: Clock = {
  now: Date.now,
  mono: () => {
    // Not `performance`: loading it takes longer than anything that a command does with it.
    const [seconds, nanoseconds] = hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
};

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** What a person may write for a duration; used by help texts and errors. */
export const DURATION_FORMS = "500ms, 90s, 15m, 2h, 3d";

/** What a person may write for a time; used by help texts and errors. */
export const TIME_FORMS = `a duration from now (${DURATION_FORMS}), ISO 8601 (2026-05-01T18:30, without a zone: local) or HH:MM`;

/** Milliseconds of `500ms`, `90s`, `15m`, `2h`, `3d` (decimals allowed), or undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text.trim());
  if (!match) return undefined;
  const value = Math.round(Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]);
  return Number.isSafeInteger(value) && value <= 100 * 365 * UNIT_MS.d ? value : undefined;
}

/** The point in time (ms since 1970) that `text` means, counted from `now`; undefined when it is none of {@link TIME_FORMS}. */
export function parseTime(text: string, now: number): number | undefined {
  const trimmed = text.trim();
  const duration = parseDuration(trimmed);
  if (duration !== undefined) return now + duration;
  const clock = /^(\d{1,2}):(\d{2})$/.exec(trimmed);
  if (clock) return nextTimeOfDay(Number(clock[1]), Number(clock[2]), now);
  const date = /^(\d{4})-(\d{2})-(\d{2})([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.exec(
    trimmed,
  );
  if (!date || Number(date[3]) > daysIn(Number(date[1]), Number(date[2]))) return undefined;
  // A bare date is UTC for Date.parse; with a time of day it is local, as the contract wants.
  const local = trimmed.length === 10 ? `${trimmed}T00:00` : trimmed.replace(" ", "T");
  const at = Date.parse(local);
  return Number.isNaN(at) ? undefined : at;
}

/** Date.parse takes the 30th of February for the 2nd of March. */
function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function nextTimeOfDay(hours: number, minutes: number, now: number): number | undefined {
  if (hours > 23 || minutes > 59) return undefined;
  const at = new Date(now);
  at.setHours(hours, minutes, 0, 0);
  if (at.getTime() <= now) at.setDate(at.getDate() + 1);
  return at.getTime();
}

const LARGEST_FIRST = [
  ["d", UNIT_MS.d],
  ["h", UNIT_MS.h],
  ["m", UNIT_MS.m],
  ["s", UNIT_MS.s],
] as const;

/** A duration for people: the largest units, two where nothing else is said, such as `2h 5m`, `1m 30s`, `1.5s`, `20ms`. */
export function formatDuration(ms: number, units = 2): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 10_000) return `${Math.floor(ms / 100) / 10}s`;
  const first = LARGEST_FIRST.findIndex(([, size]) => ms >= size);
  const parts: string[] = [];
  let rest = ms;
  for (const [name, size] of LARGEST_FIRST.slice(first, first + units)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${name}`);
  }
  return parts.join(" ");
}

/** ISO 8601 UTC, or null for null. */
export function toIso(at: number): string;
export function toIso(at: number | null): string | null;
export function toIso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
