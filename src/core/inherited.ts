/** The resource limits of Linux, by their names in prlimit(1). */
export const limitNames = [
  "as",
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
] as const;
export type LimitName = (typeof limitNames)[number];

/** The soft and the hard value, in the unit of setrlimit(2); null means unlimited. */
export type Limit = [soft: number | null, hard: number | null];
export type Limits = Partial<Record<LimitName, Limit>>;

/** Where a shell searches for programs when there is no PATH. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * Marks a kept environment as complete: it has every variable of its caller, so the daemon adds none of its own. Tasks
 * do not get this variable, nor any other `AGENTCTL_` variable of the caller.
 */
export const WHOLE_VARIABLE = "AGENTCTL_WHOLE_ENVIRONMENT";

/** What a process inherits from the process that starts it, besides its environment and working directory. */
export interface Inherited {
  umask: number;
  nice: number;
  /** Limits that are not named are the daemon's. */
  limits: Limits;
}

/**
 * What a task gets when its submitter gives nothing. systemd and the kernel also default to 1024 open files: a program
 * that calls select(2) cannot use more.
 */
export const defaultInherited: Inherited = { umask: 0o022, nice: 0, limits: { nofile: [1024, null] } };

/** Returns the lower of two limits; null means unlimited. */
export function lower(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.min(a, b);
}
