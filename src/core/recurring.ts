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
  /** The planned time of the last run, and its task. */
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
  | { run: number; replaces: number | null; after: number | null }
  | { pass: "missed" | "overlap" };

/** Returns whether a run is late: it was due before the daemon started, or while the machine slept. */
export function isLate(due: number, { now, upSince }: { now: number; upSince: number }): boolean {
  return due < upSince || now - due > MISSED_AFTER_MS;
}

/** Decides what to do at a planned time; `previous` is the last run, if it is still open. */
export function verdictOf(
  { overlap, missed }: Pick<Schedule, "overlap" | "missed">,
  { planned, isMissed, previous }: { planned: number; isMissed: boolean; previous: number | null },
): Verdict {
  if (isMissed && missed === "skip") return { pass: "missed" };
  if (previous === null) return { run: planned, replaces: null, after: null };
  if (overlap === "skip") return { pass: "overlap" };
  return overlap === "replace"
    ? { run: planned, replaces: previous, after: null }
    : { run: planned, replaces: null, after: previous };
}
