import { constants } from "node:os";
import type { Ended } from "./types.ts";

// The first name wins, so 6 is SIGABRT and not SIGIOT.
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);
/** The real-time signals that programs have on Linux, without the two that glibc reserves. */
const RTMIN = 34;
const RTMAX = 64;

/** Returns a signal's name. Real-time signals are named as in bash, counted from the nearer end. */
function signalName(number: number): string {
  const name = signalNames.get(number);
  if (name) return name;
  if (number < RTMIN || number > RTMAX) return `SIG${number}`;
  const [from, to] = [number - RTMIN, RTMAX - number];
  if (from <= to) return from === 0 ? "SIGRTMIN" : `SIGRTMIN+${from}`;
  return to === 0 ? "SIGRTMAX" : `SIGRTMAX-${to}`;
}

/** Converts a status of wait(2). A death by signal n gives 128 + n and the signal's name. */
function endedByWait(status: number, endedAt: number): Ended {
  const signal = status & 0x7f;
  const exitCode = signal === 0 ? (status >> 8) & 0xff : 128 + signal;
  return { exitCode, signal: signal === 0 ? null : signalName(signal), endedAt, lost: false };
}

/**
 * Parses a guard's record of an end: the exit code as a shell sees it and, after a slash, the wait status if the kernel
 * showed it. If it did not, or if the two contradict each other (the kernel shows 0 for a process that has changed its
 * user), a code from 129 to 159 counts as death by a signal, as in a shell. Returns undefined for other text.
 */
export function parseStatus(text: string, endedAt: number): Ended | undefined {
  const [, code = "", wait] = /^(\d{1,3})(?:\/(\d{1,5}))?$/.exec(text) ?? [];
  if (code === "") return undefined;
  const exitCode = Number(code);
  const ended = wait === undefined ? undefined : endedByWait(Number(wait), endedAt);
  return ended?.exitCode === exitCode ? ended : endedWith(exitCode, endedAt);
}

/** Reads an exit code as a shell does: 128 + n is death by signal n. */
export function endedWith(exitCode: number, endedAt: number): Ended {
  const number = exitCode - 128;
  const signal = number >= 1 && number <= 31 ? signalName(number) : null;
  return { exitCode, signal, endedAt, lost: false };
}
