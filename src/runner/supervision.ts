import type { Processes } from "./tree/processes.ts";

/** What `launch` and `adopt` share. */
export interface Supervision {
  /** The folder of the run files. */
  runDir: string;
  clock: { now(): number };
  processes: Processes;
  /** The shell that runs guards. */
  shell: string;
  /** The descriptor that `lockNamespace` returns, for a runner that launches. */
  namespaceLock: number | undefined;
}
