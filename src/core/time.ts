/**
 * Durations, points in time, and the clock that the engine is given. In the code a duration is an integer of
 * milliseconds; from a person, only `<number><ms|s|m|h|d>` is accepted. The `ms` package also accepts "1 year" and bare
 * numbers, so we do not use it.
 */

/** Time as the engine sees it: `now` is the wall clock; `mono` never jumps, and stops while the machine sleeps. */
export interface Clock {
  /** Milliseconds since 1970 UTC; may jump. */
  now(): number;
  /** Milliseconds since an arbitrary point; never decreases. */
  mono(): number;
}

// Saved when this file is loaded: a task module may replace the originals later.
const { hrtime } = process;

/** The clock of this machine. */
export const systemClock: Clock = {
  now: Date.now,
  mono: () => {
    // We do not use `performance`: loading it takes longer than everything that a command does with it.
    const [seconds, nanoseconds] = hrtime();
    return seconds * 1000 + nanoseconds / 1e6;
  },
};

const UNIT_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
const LONGEST_DURATION_MS = 100 * 365 * UNIT_MS.d;

/** Numbers with units, each unit once, the largest first. */
const DURATION = new RegExp(
  `^${Object.keys(UNIT_MS)
    .map((unit) => `(?:(\\d{1,12}(?:\\.\\d{1,3})?)${unit} ?)?`)
    .join("")}$`,
);

/** How a person may write a duration; used by help texts and errors. */
export const DURATION_FORMS = "500ms, 90s, 15m, 2h, 3d, 1h30m";

/** How a person may write a time; used by help texts and errors. */
export const TIME_FORMS = `a duration from now (${DURATION_FORMS}), ISO 8601 (2026-05-01T18:30, without a zone: local) or HH:MM`;

/**
 * Returns the milliseconds of `500ms`, `90s`, `15m`, `2h`, `3d` (decimals allowed), or of several of them from the
 * largest unit to the smallest, such as `1h30m` or `1h 30m`; undefined for any other text.
 */
export function parseDuration(text: string): number | undefined {
  const [all, ...numbers] = DURATION.exec(text.trim()) ?? [];
  if (!all) return undefined;
  const parts = Object.values(UNIT_MS).map((unit, index) => Number(numbers[index] ?? 0) * unit);
  const ms = Math.round(parts.reduce((sum, part) => sum + part));
  return ms <= LONGEST_DURATION_MS ? ms : undefined;
}

/** Returns the time (ms since 1970) of `text`, relative to `now`; undefined for a form not in {@link TIME_FORMS}. */
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
  // Date.parse reads a bare date as UTC and a date with a time as local; the contract says local for both.
  const local = trimmed.length === 10 ? `${trimmed}T00:00` : trimmed.replace(" ", "T");
  const time = Date.parse(local);
  return Number.isNaN(time) ? undefined : time;
}

/** Returns the last day of a month. Needed because Date.parse reads the 30th of February as the 2nd of March. */
function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function nextTimeOfDay(hours: number, minutes: number, now: number): number | undefined {
  if (hours > 23 || minutes > 59) return undefined;
  const date = new Date(now);
  date.setHours(hours, minutes, 0, 0);
  if (date.getTime() <= now) date.setDate(date.getDate() + 1);
  return date.getTime();
}

const UNITS_BY_SIZE = [
  ["d", UNIT_MS.d],
  ["h", UNIT_MS.h],
  ["m", UNIT_MS.m],
  ["s", UNIT_MS.s],
] as const;

/** Formats a duration for people with its largest units, two by default: `2h 5m`, `1m 30s`, `1.5s`, `20ms`. */
export function formatDuration(ms: number, units = 2): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  if (ms < 10_000) return `${Math.floor(ms / 100) / 10}s`;
  const first = UNITS_BY_SIZE.findIndex(([, size]) => ms >= size);
  const parts: string[] = [];
  let remaining = ms;
  for (const [name, size] of UNITS_BY_SIZE.slice(first, first + units)) {
    const count = Math.floor(remaining / size);
    remaining -= count * size;
    if (count > 0) parts.push(`${count}${name}`);
  }
  return parts.join(" ");
}

/** Formats a time as ISO 8601 in UTC; returns null for null. */
export function toIso(at: number): string;
export function toIso(at: number | null): string | null;
export function toIso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
