import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseStatus } from "./status.ts";
import type { Processes } from "./tree/processes.ts";
import type { Ended, ProcessId } from "./types.ts";

/**
 * The file by which an attempt is found again, `<key>.run`. It begins with the script by which the guard starts the
 * program. The guard adds `#born <key> …` before its subshell becomes the program, and `#ended <key> …` after the
 * program's end. Each is one line in one write, so a line without its newline counts as not yet written.
 */
function runFile(runDir: string, key: string): string {
  return join(runDir, `${key}.run`);
}

/** The pipe of the program's output, if the guard's shell has no other. */
function namedPipe(runDir: string, key: string): string {
  return join(runDir, `${key}.out`);
}

/** Returns the key in the name of a run file, or undefined for any other name. */
export function keyOfRunFile(name: string): string | undefined {
  return /^(.+)\.(?:run|out)$/.exec(name)?.[1];
}

/** The first line. It holds the length in bytes of the part that is written before the guard gets the file. */
const HEAD = "# 0000000000\n";

/** Writes the script of a guard. Throws if there is no room for it. */
export function writeRunFile(runDir: string, key: string, script: string): void {
  const length = HEAD.length + Buffer.byteLength(script);
  const head = `# ${String(length).padStart(HEAD.length - 3, "0")}\n`;
  writeFileSync(runFile(runDir, key), head + script, { mode: 0o600 });
  rmSync(namedPipe(runDir, key), { force: true });
}

/** Deletes the run file and the named pipe of `key`. */
export function forgetRunFile(runDir: string, key: string): void {
  rmSync(runFile(runDir, key), { force: true });
  rmSync(namedPipe(runDir, key), { force: true });
}

/**
 * Identifies the process with this pid that the guard has started. Its parent distinguishes it from other processes
 * that have had the pid. If its guard is gone, it counts as gone too. A process that is gone gets the start time 0,
 * which no live process has. It still counts as born, or the program would be started again.
 */
export function childOf(guardPid: number, pid: number, processes: Processes): ProcessId {
  let startTime: number | undefined;
  return {
    pid,
    // Read at the first use. A program that has ended by then is never asked for it.
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
  /** The pid of its guard. */
  guardPid: number;
}

/** Parses `<boot id> <pid> <pid of the guard> .`. Returns undefined if a full disk has cut the line short. */
function parseBirth(line: string, processes: Processes): Birth | undefined {
  const [, bootId = "", pid, guard] = /^(\S+) (\d+) (\d+) \.$/.exec(line) ?? [];
  if (pid === undefined) return undefined;
  const guardPid = Number(guard);
  if (bootId !== processes.bootId) return { program: { pid: Number(pid), startTime: 0, bootId }, guardPid };
  return { program: childOf(guardPid, Number(pid), processes), guardPid };
}

/** The records that a guard has added to the file of an attempt so far. */
export interface Records {
  birth: Birth | undefined;
  /** Its time is the modification time of the file, unless the guard had to wait for space. */
  ended: Ended | undefined;
}

/** Reads the records of an attempt. Returns undefined if it has no run file, so that it never had a guard. */
export function readRecords(runDir: string, key: string, processes: Processes): Records | undefined {
  const file = runFile(runDir, key);
  let lines: string[];
  let writtenAt: number;
  try {
    const stat = statSync(file);
    // A program may have replaced the file, for example with a FIFO. Such a file has no records, and may have no end.
    if (!stat.isFile()) return undefined;
    const bytes = readFileSync(file);
    // If somebody has deleted the file, the guard has created one that holds only its records.
    const [, length = 0] = /^# (\d{10})\n/.exec(bytes.toString("latin1", 0, HEAD.length)) ?? [];
    // The last line has no newline yet.
    lines = bytes.toString("latin1", Number(length)).split("\n").slice(0, -1);
    writtenAt = Math.floor(stat.mtimeMs);
  } catch {
    return undefined;
  }
  const record = (word: string) => {
    const start = `#${word} ${key} `;
    // A record that a full disk has cut short is followed by a complete one.
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
