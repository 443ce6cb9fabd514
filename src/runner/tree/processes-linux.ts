import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { uptime } from "node:os";
import { createEnvironReader, holdsEntry } from "./environ.ts";
import type { Processes, ProcessStat, ShownSign, Signs } from "./processes.ts";

const KERNEL_THREAD = 0x0020_0000;
const STOP_PENDING = 1n << 18n;
/** Ticks per second in /proc/<pid>/stat (USER_HZ). */
const HZ = 100;

/**
 * Creates a function that reads a file of /proc into a buffer that it reuses. It returns undefined if the process is
 * gone or may not be read. `isWhole`: the kernel creates the file in one piece, so one read gets it all, and no second
 * read is needed to find its end.
 */
function createReader(): (path: string, isWhole?: boolean) => Buffer | undefined {
  let buffer = Buffer.allocUnsafe(64 * 1024);
  return (path, isWhole = false) => {
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch {
      return undefined;
    }
    try {
      let length = 0;
      for (;;) {
        const read = readSync(fd, buffer, length, buffer.length - length, null);
        length += read;
        if (read === 0 || (isWhole && length < buffer.length)) return buffer.subarray(0, length);
        if (length === buffer.length) buffer = Buffer.concat([buffer, Buffer.allocUnsafe(length)]);
      }
    } catch {
      return undefined;
    } finally {
      closeSync(fd);
    }
  };
}

interface StatLine extends ProcessStat {
  flags: number;
  threads: number;
}

/** Parses a line of /proc/<pid>/stat. The command may contain spaces and parentheses, so it ends at the last `)`. */
export function parseStat(line: string): StatLine | undefined {
  const open = line.indexOf("(");
  const close = line.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const fields = line.slice(close + 2).split(" ");
  const state = fields[0] ?? "Z";
  return {
    pid: Number.parseInt(line, 10),
    ppid: Number(fields[1]),
    session: Number(fields[3]),
    startTime: Number(fields[19]),
    state: state === "X" || state === "x" ? "Z" : state,
    command: line.slice(open + 1, close),
    flags: Number(fields[6]),
    threads: Number(fields[17]),
  };
}

function isPid(name: string): boolean {
  const code = name.charCodeAt(0);
  return code >= 48 && code <= 57;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const isStopLetter = (letter: string) => letter === "T" || letter === "t";

/** Creates the {@link Processes} of Linux, which reads /proc. */
export function createLinuxProcesses(): Processes {
  const read = createReader();
  const environShows = createEnvironReader();

  const lineOf = (path: string) => {
    const line = read(`${path}/stat`, true);
    return line === undefined ? undefined : parseStat(line.toString("latin1"));
  };

  const threadsOf = (pid: number) =>
    namesIn(`/proc/${pid}/task`).flatMap((name) => {
      const line = lineOf(`/proc/${pid}/task/${name}`);
      return line && line.state !== "Z" ? [line] : [];
    });

  /** Reads the state of a process. Its first thread may end before the others: it then shows Z while the others run. */
  const statOf = (pid: number | string): StatLine | undefined => {
    const line = lineOf(`/proc/${pid}`);
    if (line?.state !== "Z" || line.threads <= 1) return line;
    const states = threadsOf(line.pid).map(({ state }) => state);
    return { ...line, state: states.find((state) => !isStopLetter(state)) ?? states[0] ?? "Z" };
  };

  /** Returns the folder to read. If the first thread has ended, only the folders of the others have the information. */
  const folderOf = (pid: number): string => {
    const line = lineOf(`/proc/${pid}`);
    const other = line?.state === "Z" && line.threads > 1 ? threadsOf(pid)[0] : undefined;
    return other ? `/proc/${pid}/task/${other.pid}` : `/proc/${pid}`;
  };

  const writesTo = (folder: string, output: NonNullable<Signs["output"]>) =>
    [1, 2].some((fd) => {
      try {
        const stat = statSync(`${folder}/fd/${fd}`, { throwIfNoEntry: false });
        return stat?.ino === output.ino && stat.dev === output.dev;
      } catch {
        return false;
      }
    });

  const shows = (pid: number, { token, output }: Signs): ShownSign => {
    let folder = `/proc/${pid}`;
    let environ = read(`${folder}/environ`);
    if (environ === undefined) return "nothing";
    if (environ.length === 0) {
      folder = folderOf(pid);
      environ = read(`${folder}/environ`) ?? environ;
      const isBetween = environ.length === 0 && (read(`${folder}/cmdline`)?.length ?? 0) === 0;
      if (isBetween) {
        const line = lineOf(`/proc/${pid}`);
        const isLive = line !== undefined && line.state !== "Z" && (line.flags & KERNEL_THREAD) === 0;
        return isLive ? "unclear" : "nothing";
      }
    }
    const sign = environShows(environ, token);
    return sign === "nothing" && output !== null && writesTo(folder, output) ? "own" : sign;
  };

  return {
    bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
    *scan(except) {
      const names = readdirSync("/proc");
      for (let i = names.length - 1; i >= 0; i--) {
        const name = names[i] as string;
        if (isPid(name) && !except?.has(Number(name))) yield statOf(name);
      }
    },
    stat: statOf,
    hasStatus: true,
    shows,
    bears: (pid, token) => shows(pid, { token, output: null }) === "own",
    pids: () => readdirSync("/proc").filter(isPid).map(Number),
    lastPid() {
      const last = Number(read("/proc/loadavg", true)?.toString("latin1").trim().split(" ")[4]);
      return last > 0 ? last : undefined;
    },
    now: () => Math.floor(uptime() * HZ),
    marked(home) {
      const homeEntry = Buffer.from(`AGENTCTL_HOME=${home}`);
      return readdirSync("/proc")
        .filter(isPid)
        .flatMap((name) => {
          const environ = read(`/proc/${name}/environ`);
          if (environ === undefined || !holdsEntry(environ, homeEntry)) return [];
          const token = /(?:^|\0)AGENTCTL_TOKEN=([^\0]+)/.exec(environ.toString("latin1"))?.[1];
          return token === undefined ? [] : [{ pid: Number(name), token }];
        });
    },
    argv(pid) {
      return read(`/proc/${pid}/cmdline`)?.toString("utf8").split("\0").slice(0, -1) ?? [];
    },
    cpuMs(pid) {
      const line = read(`/proc/${pid}/stat`, true)?.toString("latin1") ?? "";
      // After the command, as in parseStat: utime and stime.
      const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * (1000 / HZ);
    },
    residentBytes(pid) {
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(
        read(`${folderOf(pid)}/status`)?.toString("latin1") ?? "",
      )?.[1];
      return Number(kilobytes ?? 0) * 1024;
    },
    stopPending(pid) {
      const status = read(`/proc/${pid}/status`)?.toString("latin1") ?? "";
      const mask = (name: string) =>
        BigInt(`0x${new RegExp(`^${name}:\\s+(\\w+)$`, "m").exec(status)?.[1] ?? "0"}`);
      return ((mask("SigPnd") | mask("ShdPnd")) & STOP_PENDING) !== 0n;
    },
  };
}
