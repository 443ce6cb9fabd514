import type { Processes } from "./processes.ts";
import { createLinuxProcesses } from "./processes-linux.ts";
import { createMacProcesses } from "./processes-macos.ts";

/** The processes of this machine. */
export function createProcesses(): Processes {
  return process.platform === "linux" ? createLinuxProcesses() : createMacProcesses();
}
