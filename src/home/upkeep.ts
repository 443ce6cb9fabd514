/** What the daemon's bundle tells the command line of the upkeep of a home: a restore of its store, and the doctor. */

/** What a restore did. */
export interface Restored {
  backup: string;
  /** When the backup was made. */
  madeAt: string;
  /** Where the store is that was replaced; null when there was none. */
  replaced: string | null;
  tasks: number;
  open: number;
  /** Attempts that the backup does not know and whose processes were ended. */
  endedAttempts: number;
  /** Tasks that the backup does not know, whose files are kept under other names for the store that was replaced. */
  setAside: number[];
  /** Open tasks whose environment was gone: they have the caller's, and are held. */
  withoutEnvironment: number[];
}

/** What the doctor looked at, and what is wrong. */
export interface Report {
  looked: Record<"tasks" | "attempts" | "checkpoints" | "events" | "processes", number>;
  problems: { check: string; task: number | null; what: string; mend: string }[];
}

export interface DoctorOptions {
  /** The daemon that runs, if one does. */
  daemonPid: number | null;
  /** Mend what can be mended; no daemon may run. */
  repair: boolean;
}
