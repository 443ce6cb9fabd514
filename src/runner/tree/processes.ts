/** One process as the kernel describes it. */
export interface ProcessStat {
  pid: number;
  ppid: number;
  /** The pid of the process that started its session; 0 if the platform does not show it. */
  session: number;
  startTime: number;
  /**
   * The kernel's letter. It is Z only if no thread of the process is left. A process whose first thread has ended has
   * the letter of the threads that are left.
   */
  state: string;
  command: string;
}

/** The signs by which a process shows that it belongs to an attempt. */
export interface Signs {
  readonly token: string;
  /** The pipe into which the attempt prints. A process that has it as stdout or stderr belongs to the attempt. */
  output: { dev: number; ino: number } | null;
}

/**
 * What a process shows: that it belongs to the attempt, that `agentctl detach` has taken it out of the attempt, that it
 * bears the marker of another attempt, or nothing. `unclear`: the process is between its exec and its first
 * instruction, and shows nothing yet.
 */
export type ShownSign = "own" | "detached" | "other" | "nothing" | "unclear";

/** Access to the processes of this platform. It hides everything that differs between Linux and macOS. */
export interface Processes {
  readonly bootId: string;
  /** Yields every process, newest pid first, and reads each at its turn. Yields undefined for one that has vanished. */
  scan(except?: ReadonlySet<number>): Iterable<ProcessStat | undefined>;
  stat(pid: number): ProcessStat | undefined;
  /** Whether the platform shows how a process ended until its parent has waited for it. */
  readonly hasStatus: boolean;
  /** Returns which of these signs the process shows, or `nothing` if its environment may not be read. */
  shows(pid: number, signs: Signs): ShownSign;
  /** Whether the process was started with `AGENTCTL_TOKEN=token`; false if its environment may not be read. */
  bears(pid: number, token: string): boolean;
  /** Returns every pid that is in use, in ascending order. */
  pids(): number[];
  /** Returns the pid that was assigned last, to a process or a thread; undefined if unknown. */
  lastPid(): number | undefined;
  /** Returns the start time that a process started now would have; 0 if unknown. */
  now(): number;
  /** Returns every process, including zombies, with `AGENTCTL_HOME=home` and a token in its environment. */
  marked(home: string): { pid: number; token: string }[];
  argv(pid: number): string[];
  residentBytes(pid: number): number;
  /** Returns the CPU time, in ms; 0 if this platform does not show it. */
  cpuMs(pid: number): number;
  /** Whether a stop signal waits until the process returns from the kernel. Before that, it runs no code of its own. */
  stopPending(pid: number): boolean;
}
