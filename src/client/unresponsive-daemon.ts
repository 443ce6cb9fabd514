import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { AgentctlError } from "../core/errors.ts";
import type { Paths } from "../home/paths.ts";

/** What to say of a daemon that has the home, takes connections and answers nothing: who it is, and what helps. */
export function silentDaemon({ home, lock, log }: Paths): AgentctlError {
  const pid = holderOf(lock);
  if (pid === null) return new AgentctlError("DaemonUnreachable", { reason: "it does not answer", log });
  const reason = `process ${pid}, which has the home ${home}, does not answer`;
  const hint = `kill -KILL ${pid} ends it; its tasks go on, and the next daemon takes them over; its log: ${log}`;
  return new AgentctlError("DaemonUnreachable", { reason, hint, pid });
}

/** The process that holds a lock on this file; null where the system does not say. */
function holderOf(file: string): number | null {
  try {
    const { ino } = statSync(file);
    const locks = readFileSync("/proc/locks", "utf8").matchAll(/ (\d+) [\da-f]+:[\da-f]+:(\d+) /g);
    const pids = [...locks].filter(([, , inode]) => Number(inode) === ino).map(([, pid]) => Number(pid));
    // Another file system may have a file of that number.
    return pids.find((pid) => hasOpen(pid, realpathSync(file))) ?? null;
  } catch {
    return null;
  }
}

function hasOpen(pid: number, file: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === file);
}
