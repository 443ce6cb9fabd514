/** The resource limits of Linux, by the names that prlimit(1) has for them. */
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

/** Soft and hard value, in the unit of setrlimit(2); null is unlimited. */
export type Limit = [soft: number | null, hard: number | null];
export type Limits = Partial<Record<LimitName, Limit>>;

/** Where a shell looks when there is no PATH. */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * In a kept environment: it is all that its caller had, and the daemon adds none of its own variables. No task gets it,
 * as it gets no other `AGENTCTL_` variable of its caller.
 */
export const WHOLE_VARIABLE = "AGENTCTL_WHOLE_ENVIRONMENT";

/** What a process takes over from whoever starts it, beside its environment and directory. */
export interface Inherited {
  umask: number;
  nice: number;
  /** Those that are not named are the daemon's. */
  limits: Limits;
}

/**
 * What a task gets whose submitter says nothing. 1024 open files is what systemd and the kernel give: a program that
 * calls select(2) cannot use more.
 */
export const defaultInherited: Inherited = { umask: 0o022, nice: 0, limits: { nofile: [1024, null] } };

/** The lower of two limits. */
export function lower(a: number | null, b: number | null): number | null {
  if (a === null) return b;
  return b === null ? a : Math.min(a, b);
}
