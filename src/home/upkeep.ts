/** What the daemon's bundle returns to the command line after a restore of the store or a run of the doctor. */

/** The result of a restore. */
export interface Restored {
  backup: string;
  /** When the backup was made. */
  madeAt: string;
  /** Where the replaced store is now; null if there was none. */
  replaced: string | null;
  tasks: number;
  open: number;
  /** How many attempts were ended because the backup does not know them. */
  endedAttempts: number;
  /** Tasks that the backup does not know; their files are kept under other names for the replaced store. */
  setAside: number[];
  /** Open tasks whose environment was lost: they got the caller's environment, and are held. */
  withoutEnvironment: number[];
  /** Schedules whose environment was gone: they now have the caller's, and are paused. */
  pausedSchedules: string[];
}

/** What the doctor checked, and which problems it found. */
export interface Report {
  looked: Record<"tasks" | "attempts" | "checkpoints" | "events" | "processes", number>;
  problems: { check: string; task: number | null; what: string; mend: string }[];
}

export interface DoctorOptions {
  /** The pid of the running daemon, or null. */
  daemonPid: number | null;
  /** Whether to repair what can be repaired; no daemon may run meanwhile. */
  repair: boolean;
}
