import type { Processes } from "./processes.ts";
import { createLinuxProcesses } from "./processes-linux.ts";
import { createMacProcesses } from "./processes-macos.ts";

/** Creates the {@link Processes} of this platform. */
export function createProcesses(): Processes {
  return process.platform === "linux" ? createLinuxProcesses() : createMacProcesses();
}
