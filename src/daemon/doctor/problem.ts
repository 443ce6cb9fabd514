import type { Paths } from "../../home/paths.ts";
import type { Report } from "../../home/upkeep.ts";
import type { MarkedProcess, Runner } from "../../runner/index.ts";
import type { Database } from "../../store/sqlite/file/driver.ts";

/** What the doctor looks at, in the order in which it reports. */
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

/** One thing that is not as it must be. */
export interface Problem {
  check: Check;
  task: number | null;
  /** What is wrong, in one sentence. */
  what: string;
  /** What tells it from another problem where the sentence does not: it names processes, which come and go. */
  key?: string;
  /** What would mend it: a command, or what `--repair` does. */
  mend: string;
  /** Mends it, while nobody else changes the home; null where a person has to choose. */
  repair: ((tools: Tools) => void | Promise<void>) | null;
}

/** What was looked at, and what is wrong with it. */
export interface Look {
  looked: Report["looked"];
  problems: Problem[];
}

/** What is counted where nothing could be looked at. */
export const NOTHING_LOOKED_AT = { tasks: 0, attempts: 0, checkpoints: 0, events: 0, processes: 0 };

/** What looking and mending need. */
export interface Tools {
  db: Database;
  paths: Paths;
  runner: Runner;
  /** The daemon that runs, whose waiting hosts are in order. */
  daemonPid: number | null;
  now: number;
}

/** An attempt as far as its process and files are concerned. */
export interface KnownAttempt {
  task: number;
  n: number;
  token: string;
  runKey: string;
  pid: number | null;
  /** Its task is working, or frozen, and this is the newest attempt of it. */
  isLive: boolean;
  isFrozen: boolean;
}

/** What the checks of processes and files compare with. */
export interface Scene {
  tools: Tools;
  attempts: KnownAttempt[];
  processes: MarkedProcess[];
}

/** What `--repair` does to a problem that the next start of the daemon mends. */
export const BY_RECOVERY = "the next start of the daemon recovers it: agentctl daemon restart";
