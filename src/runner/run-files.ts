import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseStatus } from "./status.ts";
import type { Processes } from "./tree/processes.ts";
import type { Ended, ProcessId } from "./types.ts";

/**
 * The file by which an attempt is found again, `<key>.run`. It begins with what a guard does to start the program; the
 * guard then adds `#born <key> …`, before it becomes the program, and `#ended <key> …`, after the program's end: each
 * one line in one write, so a line without its newline counts as not yet there.
 */
function runFile(runDir: string, key: string): string {
  return join(runDir, `${key}.run`);
}

/** The pipe of its output, where the shell of its guard has no other. */
function namedPipe(runDir: string, key: string): string {
  return join(runDir, `${key}.out`);
}

/** The key that the name of a run file holds; undefined for every other name. */
export function keyOfRunFile(name: string): string | undefined {
  return /^(.+)\.(?:run|out)$/.exec(name)?.[1];
}

/** The first line says how long the part is that was written before it was handed over. */
const HEAD = "# 0000000000\n";

/** Writes what a guard of this key is to do. Throws where there is no room for that. */
export function writeRunFile(runDir: string, key: string, script: string): void {
  const length = HEAD.length + Buffer.byteLength(script);
  const head = `# ${String(length).padStart(HEAD.length - 3, "0")}\n`;
  writeFileSync(runFile(runDir, key), head + script, { mode: 0o600 });
  rmSync(namedPipe(runDir, key), { force: true });
}

/** Nothing of `key` is left. */
export function forgetRunFile(runDir: string, key: string): void {
  rmSync(runFile(runDir, key), { force: true });
  rmSync(namedPipe(runDir, key), { force: true });
}

/**
 * The process of this pid that this guard has made. By its parent it is told from every other that has had the pid; one
 * whose guard is gone is not, and counts as gone itself. What is gone was born all the same, or it would be started
 * again: nothing that lives began at 0.
 */
export function childOf(guardPid: number, pid: number, processes: Processes): ProcessId {
  let startTime: number | undefined;
  return {
    pid,
    // Looked up for whoever asks first: nobody does of a program that has ended by then.
    get startTime() {
      if (startTime === undefined) {
        const stat = processes.stat(pid);
        startTime = stat?.ppid === guardPid ? stat.startTime : 0;
      }
      return startTime;
    },
    bootId: processes.bootId,
  };
}

interface Birth {
  program: ProcessId;
  /** The pid that its guard had. */
  guardPid: number;
}

/** `<boot id> <pid> <pid of the guard> .`, of which a full disk may have cut something off. */
function parseBirth(line: string, processes: Processes): Birth | undefined {
  const [, bootId = "", pid, guard] = /^(\S+) (\d+) (\d+) \.$/.exec(line) ?? [];
  if (pid === undefined) return undefined;
  const guardPid = Number(guard);
  if (bootId !== processes.bootId) return { program: { pid: Number(pid), startTime: 0, bootId }, guardPid };
  return { program: childOf(guardPid, Number(pid), processes), guardPid };
}

/** What a guard has added to the file of an attempt so far. */
export interface Records {
  birth: Birth | undefined;
  /** The file's time is the end's, unless the guard had to wait for space. */
  ended: Ended | undefined;
}

/** Undefined where nothing was ever handed to a guard. */
export function readRecords(runDir: string, key: string, processes: Processes): Records | undefined {
  const file = runFile(runDir, key);
  let lines: string[];
  let writtenAt: number;
  try {
    const stat = statSync(file);
    // Whatever a program puts in its place has no records, and may have no end.
    if (!stat.isFile()) return undefined;
    const bytes = readFileSync(file);
    // Where somebody has deleted the file, the guard has made one that holds its records alone.
    const [, length = 0] = /^# (\d{10})\n/.exec(bytes.toString("latin1", 0, HEAD.length)) ?? [];
    // The last one has no newline yet.
    lines = bytes.toString("latin1", Number(length)).split("\n").slice(0, -1);
    writtenAt = Math.floor(stat.mtimeMs);
  } catch {
    return undefined;
  }
  const record = (word: string) => {
    const start = `#${word} ${key} `;
    // Of one that a full disk has cut short, a whole one comes behind it.
    return lines.findLast((line) => line.startsWith(start))?.slice(start.length);
  };
  const born = record("born");
  return {
    birth: born === undefined ? undefined : parseBirth(born, processes),
    ended: parseEnd(record("ended"), writtenAt),
  };
}

function parseEnd(line: string | undefined, writtenAt: number): Ended | undefined {
  const [status = "", seconds] = line?.split(" ") ?? [];
  return parseStatus(status, seconds ? Number(seconds) * 1000 : writtenAt);
}
