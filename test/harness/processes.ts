import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** A live process, not a zombie. `state` is the letter of ps: `T` is stopped, `R` and `S` can run. */
export interface LiveProcess {
  pid: number;
  ppid: number;
  state: string;
  command: string;
}

/** Returns every live process but this one that has `marker` in its environment or on its command line. */
export function processes(marker: string): LiveProcess[] {
  const found = process.platform === "linux" ? fromProc(marker) : fromPs(marker);
  return found.filter(({ pid, state }) => pid !== process.pid && !state.startsWith("Z"));
}

/** Whether this process is alive. A zombie, which has ended but whose parent has not collected it, is not. */
export function isAlive(pid: number): boolean {
  if (process.platform === "linux") {
    const state = read(`/proc/${pid}/stat`)?.replace(/^.*\) /s, "")[0];
    return state !== undefined && state !== "Z" && state !== "X";
  }
  try {
    return !execFileSync("ps", ["-o", "state=", "-p", String(pid)], { encoding: "utf8" }).startsWith("Z");
  } catch {
    return false;
  }
}

/**
 * Whether some process is between its exec and its first instruction. For that short time it shows neither arguments
 * nor variables, so {@link processes} misses it.
 */
export function isAnyBetween(): boolean {
  if (process.platform !== "linux") return false;
  return readdirSync("/proc").some((name) => {
    if (!/^\d+$/.test(name) || read(`/proc/${name}/environ`) !== "" || read(`/proc/${name}/cmdline`) !== "")
      return false;
    const [state = "Z", , , , , , flags] =
      read(`/proc/${name}/stat`)
        ?.replace(/^.*\) /s, "")
        .split(" ") ?? [];
    // PF_KTHREAD: a kernel thread never shows any.
    return !/[ZX]/.test(state) && (Number(flags) & 0x0020_0000) === 0;
  });
}

/** Returns the memory of the process that is in RAM, in bytes. */
export function residentBytes(pid: number): number {
  const status = process.platform === "linux" ? readFileSync(`/proc/${pid}/status`, "utf8") : undefined;
  const kilobytes = status
    ? /^VmRSS:\s+(\d+)/m.exec(status)?.[1]
    : execFileSync("ps", ["-o", "rss=", "-p", `${pid}`], { encoding: "utf8" });
  return Number(kilobytes) * 1024;
}

/** Sends the signal. It is fine if the process is already gone. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function fromProc(marker: string): LiveProcess[] {
  const found: LiveProcess[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const command = read(`/proc/${name}/cmdline`)?.replaceAll("\0", " ").trim() ?? "";
    if (!command.includes(marker) && !read(`/proc/${name}/environ`)?.includes(marker)) continue;
    const [state, ppid] =
      read(`/proc/${name}/stat`)
        ?.replace(/^.*\) /s, "")
        .split(" ") ?? [];
    if (state) found.push({ pid: Number(name), ppid: Number(ppid), state, command });
  }
  return found;
}

/** Finds processes with ps: on macOS, `e` shows the environment after the command line. */
function fromPs(marker: string): LiveProcess[] {
  const table = execFileSync("ps", ["axeww", "-o", "pid=,ppid=,state=,command="], {
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return table.split("\n").flatMap((line) => {
    const [, pid, ppid, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (!pid || !state || !command?.includes(marker) || command.includes("axeww")) return [];
    return [{ pid: Number(pid), ppid: Number(ppid), state, command }];
  });
}

/** Reads a file; undefined if the process has ended meanwhile or belongs to another user. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
