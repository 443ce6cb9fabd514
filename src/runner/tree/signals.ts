import type { Processes } from "./processes.ts";
import { isAlive } from "./scan.ts";

export type Delivery = "sent" | "gone" | "forbidden";

/** Signals a pid that was identified a moment ago. */
export function deliver(pid: number, signal: NodeJS.Signals): Delivery {
  if (pid <= 1 || pid === process.pid) return "forbidden";
  try {
    process.kill(pid, signal);
    return "sent";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "forbidden" : "gone";
  }
}

/** Whether a signal would be taken, as far as the system tells: a process that is gone takes none, and refuses none. */
export function maySignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "EPERM";
  }
}

/** Signals this very process; between looking and signalling only a reuse of the pid within microseconds is left. */
export function deliverTo(
  processes: Processes,
  id: { pid: number; startTime: number; bootId?: string },
  signal: NodeJS.Signals,
): Delivery {
  return isAlive(processes, id) ? deliver(id.pid, signal) : "gone";
}

export const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
