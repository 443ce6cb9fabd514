/** What a schedule is: a task that is submitted again and again, at the times that a cron expression names. */
import type { Submitted } from "./submitted.ts";

export const overlapChoices = ["skip", "queue", "replace"] as const;
export const missedChoices = ["run", "skip"] as const;

/** A schedule as the store keeps it. Times are ms since 1970. */
export interface Schedule {
  name: string;
  /** Five or six fields, or a name such as `@daily`. */
  cron: string;
  /** The IANA name of the zone whose wall clock the fields mean. */
  tz: string;
  /** What happens while the previous run is open. */
  overlap: (typeof overlapChoices)[number];
  /** What happens to runs that were planned for a time without a daemon. */
  missed: (typeof missedChoices)[number];
  /** A run is delayed by a random time up to this. */
  jitterMs: number;
  paused: boolean;
  /** The environment of its tasks, kept as long as the schedule exists. */
  envHash: string;
  /** What each run is submitted with. */
  task: ScheduledTask;
  createdAt: number;
  /** The next planned time, and when the run is made: the planned time and its jitter. Null while it is paused. */
  nextAt: number | null;
  fireAt: number | null;
  /** The planned time of the last run, and its task. */
  lastAt: number | null;
  lastTask: number | null;
  /** Why the last planned run could not be submitted; null when it was. */
  lastError: string | null;
}

/** The submitted fields of every run; its start and its key belong to the schedule. */
export type ScheduledTask = {
  [F in Exclude<keyof Submitted, "after" | "key" | "notBefore">]?: Submitted[F] | undefined;
} & {
  argv?: string[];
  module?: string;
  input?: unknown;
  /** The variables that were given by name. */
  envNames?: string[];
};

/** A planned time that passed longer ago than this, or before the daemon started, was missed. */
const MISSED_AFTER_MS = 60_000;

/** What a schedule does when its time has come: make the run of this planned time, or let it pass, and why. */
export type Verdict =
  | { run: number; replaces: number | null; after: number | null }
  | { pass: "missed" | "overlap" };

/** Whether a run is late: its time came before the daemon started, or the machine slept over it. */
export function isLate(due: number, { now, upSince }: { now: number; upSince: number }): boolean {
  return due < upSince || now - due > MISSED_AFTER_MS;
}

/** Decides what becomes of a planned time; `previous` is the last run, if it is open. */
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
