import { readFileSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, join } from "node:path";
import type { Processes } from "./processes.ts";
import { parseStat } from "./processes-linux.ts";
import type { Ended, ProcessId } from "./types.ts";

/**
 * The files by which an attempt is found again: `<key>.pid`, written by the guard before it becomes the program, and
 * `<key>.exit`, written after the program's end. Both are one short line in one write, so a line without its newline
 * counts as not yet there. `<key>.words` is there for an attempt with variables that a shell would lose.
 */
export interface RunFiles {
  pid: string;
  exit: string;
  words: string;
}

export function runFiles(runDir: string, key: string): RunFiles {
  return {
    pid: join(runDir, `${key}.pid`),
    exit: join(runDir, `${key}.exit`),
    words: join(runDir, `${key}.words`),
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

// What a shell changes or drops on its way through: names that are none of its own, and those that it sets itself.
const shellNames = new Set(["IFS", "OPTIND", "PPID", "LINENO"]);
const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/;

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * Writes down the variables that would not survive the guard's shell, for `env` to set them; undefined, as nearly
 * always, when there are none. In a file, because arguments of a guard can be read by everyone.
 */
export function writeWords(files: RunFiles, env: Record<string, string>): string | undefined {
  const lost = Object.entries(env).filter(([name]) => shellNames.has(name) || !shellName.test(name));
  if (lost.length === 0) return undefined;
  const words = lost.map(([name, value]) => quoted(`${name}=${value}`)).join(" ");
  writeFileSync(files.words, `set -- /usr/bin/env ${words} "$@"\n`, { mode: 0o600 });
  return files.words;
}

/** The file of a guard's script begins so; by it `ps` shows what a guard is. */
export const GUARD_NAME = "agentctl-guard";

/** Whether this argv is that of the guard with these files. */
export function isGuardOf(argv: string[], files: RunFiles): boolean {
  const name = basename(files.pid);
  const isGuard = argv.some((word) => basename(word).startsWith(GUARD_NAME));
  return isGuard && argv.some((word) => basename(word) === name);
}

/** The key of the attempt whose guard has this argv; null for any other process. */
export function guardedKey(argv: string[]): string | null {
  const at = argv.findIndex((word) => basename(word).startsWith(GUARD_NAME));
  const file = at < 0 ? undefined : argv[at + 1];
  return file?.endsWith(".pid") ? basename(file, ".pid") : null;
}
