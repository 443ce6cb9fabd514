import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { AgentctlError } from "../core/errors.ts";
import type { Paths } from "../home/paths.ts";

/** Returns the error for a daemon that holds the home and does not respond: its process, and what helps. */
export function silentDaemon(paths: Paths): AgentctlError {
  const { home, log } = paths;
  const pid = holderOf(paths);
  if (pid === null)
    return new AgentctlError("DaemonUnreachable", { reason: "it does not answer", log, silent: true });
  const reason = `process ${pid}, which has the home ${home}, does not answer`;
  const hint = `kill -KILL ${pid} ends it; its tasks go on, and the next daemon takes them over; its log: ${log}`;
  return new AgentctlError("DaemonUnreachable", { reason, hint, pid, silent: true });
}

/** Returns the CPU time of the home's daemon in clock ticks; null if none is found or the system does not say. */
export function processorTime(paths: Paths): number | null {
  try {
    const stat = readFileSync(`/proc/${holderOf(paths)}/stat`, "utf8");
    // Count from the name in parentheses, which may contain anything. utime and stime are fields 14 and 15 of proc(5).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return null;
  }
}

/** Returns the pid of the home's daemon, found by its lock or its name; null if none is found. */
export function holderOf({ lock, home }: Pick<Paths, "lock" | "home">): number | null {
  return lockHolder(lock) ?? daemonOf(home);
}

function lockHolder(file: string): number | null {
  try {
    const { ino } = statSync(file);
    const locks = readFileSync("/proc/locks", "utf8").matchAll(/ (\d+) [\da-f]+:[\da-f]+:(\d+) /g);
    const pids = [...locks].filter(([, , inode]) => Number(inode) === ino).map(([, pid]) => Number(pid));
    // A file on another file system may have the same inode number.
    return pids.find((pid) => hasOpen(pid, realpathSync(file))) ?? null;
  } catch {
    return null;
  }
}

function hasOpen(pid: number, file: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === file);
}

/** Finds a daemon whose lock was removed: every daemon that a command starts has the home in its environment. */
function daemonOf(home: string): number | null {
  const marker = `\0AGENTCTL_HOME=${home}\0`;
  const isDaemon = (pid: string) => {
    try {
      const [, script = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return script.endsWith("/daemon.cjs") && readFileSync(`/proc/${pid}/environ`, "utf8").includes(marker);
    } catch {
      return false;
    }
  };
  try {
    return Number(readdirSync("/proc").find((name) => /^\d+$/.test(name) && isDaemon(name))) || null;
  } catch {
    return null;
  }
}
