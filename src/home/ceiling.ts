import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import type { LimitName } from "../core/inherited.ts";
import { ownLimits } from "./limits.ts";

/** The most that a process can give to those that it starts: to go beyond takes a privilege. */
export interface Ceiling {
  /** The nice value; a lower one is more. */
  nice: number;
  /** Hard limits, in the unit of setrlimit(2); null is unlimited. */
  hard: Partial<Record<LimitName, number | null>>;
}

/** That of this process. */
export function ownCeiling(): Ceiling {
  const hard = Object.entries(ownLimits()).map(([name, [, value]]) => [name, value]);
  return { nice: getPriority(), hard: Object.fromEntries(hard) };
}

/** Writes down what this process, a daemon, can give to its tasks. */
export function noteCeiling(file: string): void {
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, JSON.stringify(ownCeiling()), { mode: 0o600 });
  renameSync(draft, file);
}

/** What the newest daemon that a command started could give; undefined where none wrote it down. */
export function notedCeiling(file: string): Ceiling | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Ceiling;
  } catch {
    return undefined;
  }
}

/** Whether `mine` is more than `theirs` in something, and less in nothing: two that differ both ways never take turns. */
export function isAbove(mine: Ceiling, theirs: Ceiling): boolean {
  const names = Object.keys(theirs.hard) as LimitName[];
  const pairs = names.map((name) => [amount(mine.hard[name]), amount(theirs.hard[name])] as const);
  pairs.push([-mine.nice, -theirs.nice]);
  return pairs.every(([a, b]) => a >= b) && pairs.some(([a, b]) => a > b);
}

function amount(limit: number | null | undefined): number {
  return limit ?? Number.POSITIVE_INFINITY;
}
