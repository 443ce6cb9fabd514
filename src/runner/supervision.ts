import type { Guards } from "./guards.ts";
import type { RunFolder } from "./run-folder.ts";
import type { Processes } from "./tree/processes.ts";

/** What launching and adopting share. */
export interface Supervision {
  folder: RunFolder;
  clock: { now(): number };
  processes: Processes;
  /** The programs' umask, octal. */
  umask: string;
  guards: Guards;
}
