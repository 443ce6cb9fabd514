import type { Processes } from "./processes.ts";
import { isAlive } from "./scan.ts";

export type Delivery = "sent" | "gone" | "forbidden";

/** Sends a signal to a pid that the caller has just identified. */
export function deliver(pid: number, signal: NodeJS.Signals): Delivery {
  if (pid <= 1 || pid === process.pid) return "forbidden";
  try {
    process.kill(pid, signal);
    return "sent";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "forbidden" : "gone";
  }
}

/** Whether the system allows this process to signal the pid. True for a process that is gone. */
export function maySignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EPERM";
  }
}

/** Sends a signal to exactly this process, unless its pid is reused in the microseconds between check and signal. */
export function deliverTo(
  processes: Processes,
  id: { pid: number; startTime: number; bootId?: string },
  signal: NodeJS.Signals,
): Delivery {
  return isAlive(processes, id) ? deliver(id.pid, signal) : "gone";
}

export const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
