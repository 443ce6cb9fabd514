import { readFileSync, statSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { Processes } from "./processes.ts";
import { parseStat } from "./processes-linux.ts";
import type { Ended, ProcessId } from "./types.ts";

/**
 * The files by which an attempt is found again: `<key>.pid`, written by the guard before it becomes the program, and
 * `<key>.exit`, written after the program's end. Both are one short line in one write, so a line without its newline
 * counts as not yet there. `<key>.start`, written before a guard is told the key, is what the guard does to start it.
 */
export interface RunFiles {
  pid: string;
  exit: string;
  start: string;
}

export function runFiles(runDir: string, key: string): RunFiles {
  return {
    pid: join(runDir, `${key}.pid`),
    exit: join(runDir, `${key}.exit`),
    start: join(runDir, `${key}.start`),
  };
}

/** What the guard tells of the program: who it is, and by its parent, who the guard is. */
export interface Birth {
  program: ProcessId;
  guardPid: number | undefined;
}

/** `<boot id> <line of /proc/pid/stat>` where there is /proc, else `<boot id> <pid>`. */
export function parseBirth(line: string, processes: Processes): Birth | undefined {
  const space = line.indexOf(" ");
  const [bootId, rest] = [line.slice(0, space), line.slice(space + 1)];
  const stat = parseStat(rest);
  if (stat) return { program: { pid: stat.pid, startTime: stat.startTime, bootId }, guardPid: stat.ppid };
  const pid = Number(rest);
  const alive =
    Number.isInteger(pid) && pid > 1 && bootId === processes.bootId ? processes.stat(pid) : undefined;
  return alive && { program: { pid, startTime: alive.startTime, bootId }, guardPid: alive.ppid };
}

function readLine(file: string): string | undefined {
  try {
    const text = readFileSync(file, "latin1");
    return text.endsWith("\n") ? text.slice(0, -1) : undefined;
  } catch {
    return undefined;
  }
}

export function readBirth(files: RunFiles, processes: Processes): Birth | undefined {
  const line = readLine(files.pid);
  return line === undefined ? undefined : parseBirth(line, processes);
}

/** The status that the guard left; the file's time is the end's, unless the guard had to wait for space. */
export function readEnd(files: RunFiles): Ended | undefined {
  const [status, seconds] = readLine(files.exit)?.split(" ") ?? [];
  if (status === undefined || !/^\d{1,3}$/.test(status)) return undefined;
  const endedAt = seconds ? Number(seconds) * 1000 : Math.floor(statSync(files.exit).mtimeMs);
  return endedWith(Number(status), endedAt);
}

// The first name wins, so 6 is SIGABRT and not SIGIOT.
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);

/** Reads a status as a shell does: 128 + n is death by signal n. */
export function endedWith(exitCode: number, endedAt: number): Ended {
  const number = exitCode - 128;
  const signal = number >= 1 && number <= 31 ? (signalNames.get(number) ?? null) : null;
  return { exitCode, signal, endedAt, lost: false };
}

/** The file of a guard's script begins so; by it `ps` shows what a guard is. */
export const GUARD_NAME = "agentctl-guard";

/** Whether this argv is that of a guard on this folder, or of a subshell of one that is about to become a program. */
export function isGuard(argv: string[], runDir: string): boolean {
  return argv.some((word) => word.startsWith(join(runDir, GUARD_NAME)));
}
