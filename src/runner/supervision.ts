import type { Processes } from "./tree/processes.ts";

/** What launching and adopting share. */
export interface Supervision {
  /** Holds the run files. */
  runDir: string;
  clock: { now(): number };
  processes: Processes;
  /** Runs guards. */
  shell: string;
  /** The descriptor of `lockNamespace`, for a runner that launches. */
  namespaceLock: number | undefined;
}
