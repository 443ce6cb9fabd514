import { constants } from "node:os";
import type { Ended } from "./types.ts";

// The first name wins, so 6 is SIGABRT and not SIGIOT.
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);
/** The real-time signals that programs have on Linux, glibc's own two not among them. */
const RTMIN = 34;
const RTMAX = 64;

/** A signal's name; real-time signals are named as bash does it, by the nearer end. */
function signalName(number: number): string {
  const known = signalNames.get(number);
  if (known) return known;
  if (number < RTMIN || number > RTMAX) return `SIG${number}`;
  const [from, to] = [number - RTMIN, RTMAX - number];
  if (from <= to) return from === 0 ? "SIGRTMIN" : `SIGRTMIN+${from}`;
  return to === 0 ? "SIGRTMAX" : `SIGRTMAX-${to}`;
}

/** What wait(2) gives: 128 + n with a signal's name for a death by signal n. */
function endedByWait(status: number, endedAt: number): Ended {
  const signal = status & 0x7f;
  const exitCode = signal === 0 ? (status >> 8) & 0xff : 128 + signal;
  return { exitCode, signal: signal === 0 ? null : signalName(signal), endedAt, lost: false };
}

/**
 * What a guard writes of an end: the exit code as a shell sees it, and behind a slash the wait status as the kernel
 * showed it, where it did. Where it did not, or the two contradict each other (the kernel shows 0 of a process that has
 * changed its user), a code from 129 to 159 is read as a shell does, as death by a signal. Undefined for other text.
 */
export function parseStatus(text: string, endedAt: number): Ended | undefined {
  const [, code = "", wait] = /^(\d{1,3})(?:\/(\d{1,5}))?$/.exec(text) ?? [];
  if (code === "") return undefined;
  const exitCode = Number(code);
  const known = wait === undefined ? undefined : endedByWait(Number(wait), endedAt);
  return known?.exitCode === exitCode ? known : endedWith(exitCode, endedAt);
}

/** Reads an exit code as a shell does: 128 + n is death by signal n. */
export function endedWith(exitCode: number, endedAt: number): Ended {
  const number = exitCode - 128;
  const signal = number >= 1 && number <= 31 ? signalName(number) : null;
  return { exitCode, signal, endedAt, lost: false };
}
