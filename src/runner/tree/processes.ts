/** One process as the kernel describes it. */
export interface ProcessStat {
  pid: number;
  ppid: number;
  startTime: number;
  /** The kernel's letter, and Z only when nothing of the process is left to run. */
  state: string;
  command: string;
}

/** How this platform tells about processes. Everything that differs between Linux and macOS is behind it. */
export interface Processes {
  readonly bootId: string;
  /** Every process, newest pid first, each read when it is its turn; undefined for one that vanished before. */
  scan(except?: ReadonlySet<number>): Iterable<ProcessStat | undefined>;
  stat(pid: number): ProcessStat | undefined;
  /** Whether the process was started with `AGENTCTL_TOKEN=token`; false where its environment may not be read. */
  bears(pid: number, token: string): boolean;
  /**
   * The pids that bear the token. Trusts for two seconds what it read of processes that bear no marker, so a
   * repeated call reads only those that have appeared since.
   */
  bearers(token: string): number[];
  /**
   * The processes that were made after this pid was given out, as long as pids were not given out all round since;
   * undefined where they may be many, or cannot be told.
   */
  youngerThan(pid: number): number[] | undefined;
  /** Every process with `AGENTCTL_HOME=home` and a token in its environment, zombies among them. */
  marked(home: string): { pid: number; token: string }[];
  argv(pid: number): string[];
  residentBytes(pid: number): number;
  /** Time on the CPU, in ms; 0 where this platform does not tell it. */
  cpuMs(pid: number): number;
  /** Whether a stop signal waits for the process to come back from the kernel: it runs no code of its own before. */
  stopPending(pid: number): boolean;
}
