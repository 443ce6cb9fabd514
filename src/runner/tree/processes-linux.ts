import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import type { Processes, ProcessStat } from "./processes.ts";

const CACHE_MS = 2000;
const KERNEL_THREAD = 0x0020_0000;
const STOP_PENDING = 1n << 18n;
/** As many pids are looked at one by one; where more were given out, a list of all is quicker. */
const MOST_YOUNGER = 32;

/**
 * Reads a file of /proc into a buffer that it keeps; undefined when the process is gone or not ours to read. What the
 * kernel makes as one piece is there after one read, and needs no second one to see its end.
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

/** One line of /proc/<pid>/stat. The command may hold spaces and parentheses, so it ends at the last one. */
export function parseStat(line: string): (ProcessStat & { flags: number }) | undefined {
  const open = line.indexOf("(");
  const close = line.lastIndexOf(")");
  if (open < 0 || close < open) return undefined;
  const fields = line.slice(close + 2).split(" ");
  const letter = fields[0] ?? "Z";
  const threads = Number(fields[17]);
  // A process whose first thread has ended shows Z while its other threads run on.
  const state = letter === "Z" && threads > 1 ? "S" : letter;
  return {
    pid: Number.parseInt(line, 10),
    ppid: Number(fields[1]),
    startTime: Number(fields[19]),
    state: state === "X" || state === "x" ? "Z" : state,
    command: line.slice(open + 1, close),
    flags: Number(fields[6]),
  };
}

function isPid(name: string): boolean {
  const first = name.charCodeAt(0);
  return first >= 48 && first <= 57;
}

function holdsEntry(environ: Buffer, entry: Buffer): boolean {
  for (let at = environ.indexOf(entry); at >= 0; at = environ.indexOf(entry, at + 1)) {
    const end = at + entry.length;
    if ((at === 0 || environ[at - 1] === 0) && (end === environ.length || environ[end] === 0)) return true;
  }
  return false;
}

/** Processes as /proc shows them. */
export function createLinuxProcesses(): Processes {
  const read = createReader();
  const marker = Buffer.from("AGENTCTL_TOKEN=");
  const unmarked = new Set<string>();
  let trustedUntil = 0;

  const statOf = (pid: number | string) => {
    const line = read(`/proc/${pid}/stat`, true);
    return line === undefined ? undefined : parseStat(line.toString("latin1"));
  };

  /** True when nothing can change the answer soon: read, and no marker in it. */
  const isUnmarked = (pid: string, environ: Buffer | undefined) => {
    if (environ === undefined) return true;
    if (environ.length > 0) return environ.indexOf(marker) < 0;
    // Empty: a kernel thread, or a process in the middle of its exec, which may bear a marker in a moment.
    return ((statOf(pid)?.flags ?? 0) & KERNEL_THREAD) !== 0;
  };

  const bears = (pid: number, token: string) => {
    const environ = read(`/proc/${pid}/environ`);
    return environ !== undefined && holdsEntry(environ, Buffer.from(`AGENTCTL_TOKEN=${token}`));
  };

  // Pids are given in turn.
  const youngerThan = (pid: number): number[] | undefined => {
    const last = Number(read("/proc/loadavg", true)?.toString("latin1").trim().split(" ")[4]);
    if (!(last >= pid && last - pid <= MOST_YOUNGER)) return undefined;
    const pids = Array.from({ length: last - pid }, (_, at) => last - at);
    return pids.filter((each) => statSync(`/proc/${each}`, { throwIfNoEntry: false }) !== undefined);
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
    bears,
    youngerThan,
    bearers(token) {
      const entry = Buffer.from(`AGENTCTL_TOKEN=${token}`);
      const now = performance.now();
      if (now > trustedUntil) {
        unmarked.clear();
        trustedUntil = now + CACHE_MS;
      }
      const found: number[] = [];
      const names = readdirSync("/proc");
      for (let i = names.length - 1; i >= 0; i--) {
        const name = names[i] as string;
        if (unmarked.has(name)) continue;
        if (!isPid(name)) {
          unmarked.add(name);
          continue;
        }
        const environ = read(`/proc/${name}/environ`);
        if (environ !== undefined && holdsEntry(environ, entry)) found.push(Number(name));
        else if (isUnmarked(name, environ)) unmarked.add(name);
      }
      return found;
    },
    marked(home) {
      const place = Buffer.from(`AGENTCTL_HOME=${home}`);
      return readdirSync("/proc")
        .filter(isPid)
        .flatMap((name) => {
          const environ = read(`/proc/${name}/environ`);
          if (environ === undefined || !holdsEntry(environ, place)) return [];
          const token = /(?:^|\0)AGENTCTL_TOKEN=([^\0]+)/.exec(environ.toString("latin1"))?.[1];
          return token === undefined ? [] : [{ pid: Number(name), token }];
        });
    },
    argv(pid) {
      return read(`/proc/${pid}/cmdline`)?.toString("utf8").split("\0").slice(0, -1) ?? [];
    },
    cpuMs(pid) {
      const line = read(`/proc/${pid}/stat`, true)?.toString("latin1") ?? "";
      // Behind the command, as in parseStat: utime and stime, in ticks of a hundredth of a second (USER_HZ).
      const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
      return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10;
    },
    residentBytes(pid) {
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(
        read(`/proc/${pid}/status`)?.toString("latin1") ?? "",
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
