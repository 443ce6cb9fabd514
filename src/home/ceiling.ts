import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import type { LimitName } from "../core/inherited.ts";
import { ownLimits } from "./limits.ts";

/** The highest limits that a process can give to its children; to exceed them takes a privilege. */
export interface Ceiling {
  /** The nice value; a lower value means a higher priority. */
  nice: number;
  /** Hard limits, in the unit of setrlimit(2); null is unlimited. */
  hard: Partial<Record<LimitName, number | null>>;
}

/** Returns the ceiling of this process. */
export function ownCeiling(): Ceiling {
  const hard = Object.entries(ownLimits()).map(([name, [, value]]) => [name, value]);
  return { nice: getPriority(), hard: Object.fromEntries(hard) };
}

/** Records what this process, a daemon, can give to its tasks. */
export function recordCeiling(file: string): void {
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, JSON.stringify(ownCeiling()), { mode: 0o600 });
  renameSync(draft, file);
}

/** Returns what the newest daemon that a command started could give; undefined if none recorded it. */
export function readCeiling(file: string): Ceiling | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Ceiling;
  } catch {
    return undefined;
  }
}

/** Returns whether `ceiling` is higher in something and lower in nothing, so that two never replace each other in turn. */
export function isAbove(ceiling: Ceiling, other: Ceiling): boolean {
  const names = Object.keys(other.hard) as LimitName[];
  const pairs = names.map((name) => [amount(ceiling.hard[name]), amount(other.hard[name])] as const);
  pairs.push([-ceiling.nice, -other.nice]);
  return pairs.every(([a, b]) => a >= b) && pairs.some(([a, b]) => a > b);
}

function amount(limit: number | null | undefined): number {
  return limit ?? Number.POSITIVE_INFINITY;
}
