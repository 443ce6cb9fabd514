import { readFileSync, statSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import type { Processes } from "./tree/processes.ts";
import type { Ended, ProcessId } from "./types.ts";

/**
 * The file by which an attempt is found again, `<key>.run`. It begins with what a guard does to start the program; the
 * guard then adds `#born <key> …`, before it becomes the program, and `#ended <key> …`, after the program's end: each
 * one line in one write, so a line without its newline counts as not yet there. One file instead of three, because to
 * make and to delete a file costs as much as all the rest of a short task.
 */
export function runFile(runDir: string, key: string): string {
  return join(runDir, `${key}.run`);
}

/** The key that the name of a run file holds; undefined for every other name, also of a file that is kept for later. */
export function keyOfRunFile(name: string): string | undefined {
  return /^(?!spare-)(.+)\.run$/.exec(name)?.[1];
}

/** The first line says how long the part is that was written before it was handed over. */
const HEAD = "# 0000000000\n";

/** What stands in a run file before its guard adds to it. */
export function runText(script: string): string {
  const length = HEAD.length + Buffer.byteLength(script);
  return `# ${String(length).padStart(HEAD.length - 3, "0")}\n${script}`;
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
    // Looked up for whoever asks first: nobody does for a program that ends within milliseconds.
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

/** `<boot id> <pid> <pid of the guard> .`, of which a full disk may have cut something off. */
function parseBirth(line: string, processes: Processes): ProcessId | undefined {
  const [, bootId = "", pid, guardPid] = /^(\S+) (\d+) (\d+) \.$/.exec(line) ?? [];
  if (pid === undefined) return undefined;
  if (bootId !== processes.bootId) return { pid: Number(pid), startTime: 0, bootId };
  return childOf(Number(guardPid), Number(pid), processes);
}

/** What a guard has added to the file of an attempt so far. */
export interface Records {
  /** The program. */
  birth: ProcessId | undefined;
  /** The file's time is the end's, unless the guard had to wait for space. */
  ended: Ended | undefined;
}

/** Undefined where nothing was ever handed to a guard. */
export function readRecords(runDir: string, key: string, processes: Processes): Records | undefined {
  const file = runFile(runDir, key);
  let lines: string[];
  let writtenAt: number;
  try {
    const bytes = readFileSync(file);
    // Where somebody has deleted the file, the guard has made one that holds its records alone.
    const [, length = 0] = /^# (\d{10})\n/.exec(bytes.toString("latin1", 0, HEAD.length)) ?? [];
    // The last one has no newline yet.
    lines = bytes.toString("latin1", Number(length)).split("\n").slice(0, -1);
    writtenAt = Math.floor(statSync(file).mtimeMs);
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
  const [status, seconds] = line?.split(" ") ?? [];
  if (status === undefined || !/^\d{1,3}$/.test(status)) return undefined;
  const endedAt = seconds ? Number(seconds) * 1000 : writtenAt;
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
