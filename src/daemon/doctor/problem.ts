import type { Paths } from "../../home/paths.ts";
import type { Report } from "../../home/upkeep.ts";
import type { MarkedProcess, Runner } from "../../runner/index.ts";
import type { Database } from "../../store/sqlite/file/driver.ts";

/** What the doctor checks, in the order in which it reports. */
export const checks = [
  "settings",
  "disk",
  "store",
  "rows",
  "attempts",
  "events",
  "checkpoints",
  "journal",
  "hooks",
  "http",
  "processes",
  "environments",
  "run files",
  "folders",
  "modes",
] as const;
type Check = (typeof checks)[number];

/** One finding of the doctor. */
export interface Problem {
  check: Check;
  task: number | null;
  /** What is wrong, in one sentence. */
  what: string;
  /** Identifies the problem, if `what` cannot because it names processes, which come and go. */
  key?: string;
  /** What would repair it: a command, or what `--repair` does. */
  mend: string;
  /** Repairs it, while nobody else changes the home. Null if a person has to choose. */
  repair: ((tools: Tools) => void | Promise<void>) | null;
}

/** What was checked, and what is wrong with it. */
export interface Findings {
  looked: Report["looked"];
  problems: Problem[];
}

/** The counts if nothing could be checked. */
export const NO_COUNTS = { tasks: 0, attempts: 0, checkpoints: 0, events: 0, processes: 0 };

/** What checks and repairs need. */
export interface Tools {
  db: Database;
  paths: Paths;
  runner: Runner;
  /** The pid of the running daemon, which may have waiting hosts. Null if none runs. */
  daemonPid: number | null;
  now: number;
}

/** An attempt, as far as its process and files are concerned. */
export interface KnownAttempt {
  task: number;
  n: number;
  token: string;
  runKey: string;
  pid: number | null;
  /** Whether its task is working or frozen, and this is the task's newest attempt. */
  isLive: boolean;
  isFrozen: boolean;
}

/** What the checks of processes and files compare. */
export interface Scene {
  tools: Tools;
  attempts: KnownAttempt[];
  processes: MarkedProcess[];
}

/** How to repair a problem that the next start of the daemon repairs. */
export const RECOVERY_HINT = "the next start of the daemon recovers it: agentctl daemon restart";
