/** A schedule: a task that is submitted repeatedly, at the times of a cron expression. */
import type { Submitted } from "./submitted.ts";

export const overlapChoices = ["skip", "queue", "replace"] as const;
export const missedChoices = ["run", "skip"] as const;

/** A schedule as the store keeps it. Times are ms since 1970. */
export interface Schedule {
  name: string;
  /** Five or six fields, a name such as `@daily`, or `@every` and a duration, which counts from `createdAt`. */
  cron: string;
  /** The IANA name of the time zone for the cron fields. */
  tz: string;
  /** What happens if the previous run is still open. */
  overlap: (typeof overlapChoices)[number];
  /** What happens to runs that were planned for a time when no daemon was running. */
  missed: (typeof missedChoices)[number];
  /** The longest random delay of a run, in ms. */
  jitterMs: number;
  paused: boolean;
  /** The environment of its tasks, kept as long as the schedule exists. */
  envHash: string;
  /** The fields that each run is submitted with. */
  task: ScheduledTask;
  createdAt: number;
  /** The next planned time, and when the run is made: the planned time plus jitter. Null while the schedule pauses. */
  nextAt: number | null;
  fireAt: number | null;
  /** The planned time of the last run, and its task; the time of its submission if a person asked for the run. */
  lastAt: number | null;
  lastTask: number | null;
  /** Why the last planned run could not be submitted; null if it was submitted. */
  lastError: string | null;
}

/** The submitted fields of every run, without those that the schedule sets: its start, dependencies and key. */
export type ScheduledTask = {
  [F in Exclude<keyof Submitted, "after" | "key" | "notBefore">]?: Submitted[F] | undefined;
} & {
  argv?: string[];
  module?: string;
  input?: unknown;
  /** The names of variables that were given explicitly. */
  envNames?: string[];
};

/** A run was missed if its planned time is longer ago than this, or is before the daemon started. */
const MISSED_AFTER_MS = 60_000;

/** What a schedule does when a planned time has come: make the run, or skip it, and why. */
export type Verdict =
  | { run: number; replaces: readonly number[]; after: readonly number[] }
  | { pass: "missed" | "overlap" };

/** Returns whether a run is late: it was due before the daemon started, or while the machine slept. */
export function isLate(due: number, { now, upSince }: { now: number; upSince: number }): boolean {
  return due < upSince || now - due > MISSED_AFTER_MS;
}

/** Decides what to do at a planned time; `open` are the earlier runs that are still open. */
export function verdictOf(
  { overlap, missed }: Pick<Schedule, "overlap" | "missed">,
  { planned, isMissed, open }: { planned: number; isMissed: boolean; open: readonly number[] },
): Verdict {
  if (isMissed && missed === "skip") return { pass: "missed" };
  if (open.length === 0) return { run: planned, replaces: [], after: [] };
  if (overlap === "skip") return { pass: "overlap" };
  return overlap === "replace"
    ? { run: planned, replaces: open, after: [] }
    : { run: planned, replaces: [], after: open };
}
