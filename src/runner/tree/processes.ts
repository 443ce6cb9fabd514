/** One process as the kernel describes it. */
export interface ProcessStat {
  pid: number;
  ppid: number;
  /** The pid of the process that began its session; 0 where the platform does not tell. */
  session: number;
  startTime: number;
  /**
   * The kernel's letter, and Z only when nothing of the process is left to run. A process whose first thread has ended
   * has the letter of the threads that are left.
   */
  state: string;
  command: string;
}

/** By what a process shows that it came of an attempt. */
export interface Signs {
  readonly token: string;
  /** The pipe into which the attempt prints: what holds it as stdout or stderr came of the attempt. */
  output: { dev: number; ino: number } | null;
}

/**
 * What a process shows: that it is of the attempt, that it was taken out of it by `agentctl detach`, that it bears the
 * marker of another attempt, or nothing. Between its exec and its first instruction a process shows nothing yet: `unclear`.
 */
export type Shown = "own" | "detached" | "other" | "nothing" | "unclear";

/** How this platform tells about processes. Everything that differs between Linux and macOS is behind it. */
export interface Processes {
  readonly bootId: string;
  /** Every process, newest pid first, each read when it is its turn; undefined for one that vanished before. */
  scan(except?: ReadonlySet<number>): Iterable<ProcessStat | undefined>;
  stat(pid: number): ProcessStat | undefined;
  /** Whether a process shows how it ended until its parent has waited for it. */
  readonly hasStatus: boolean;
  /** What this process shows of these signs; `nothing` where its environment may not be read. */
  shows(pid: number, signs: Signs): Shown;
  /** Whether the process was started with `AGENTCTL_TOKEN=token`; false where its environment may not be read. */
  bears(pid: number, token: string): boolean;
  /** Every pid that is in use, in ascending order. */
  pids(): number[];
  /** The pid that was given out last, to a process or a thread; undefined where that cannot be told. */
  lastPid(): number | undefined;
  /** The start time that a process would have that begins now; 0 where that cannot be told. */
  now(): number;
  /** Every process with `AGENTCTL_HOME=home` and a token in its environment, zombies among them. */
  marked(home: string): { pid: number; token: string }[];
  argv(pid: number): string[];
  residentBytes(pid: number): number;
  /** Time on the CPU, in ms; 0 where this platform does not tell it. */
  cpuMs(pid: number): number;
  /** Whether a stop signal waits for the process to come back from the kernel: it runs no code of its own before. */
  stopPending(pid: number): boolean;
}
