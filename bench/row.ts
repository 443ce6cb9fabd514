import type { Spread } from "./pairs.ts";

/** How much to measure: `share` of the full number of pairs, at least `atLeast`. */
export interface Effort {
  isQuick: boolean;
  pairs(full: number): number;
}

/** What came out, or why nothing could be measured. */
export type Outcome = (Spread & { note?: string }) | { skipped: string };

/** One line of the table. */
export interface Row {
  /** What `npm run bench -- <name>` calls it. */
  name: string;
  what: string;
  against: string;
  /** The bound, and on which side of it the median must be. */
  target: { is: "at most" | "at least"; value: number; unit: "×" | "MB" | "processes" | "s" | "ms" | "%" };
  measure(effort: Effort): Promise<Outcome>;
}

export function isMet({ target }: Row, { median }: Spread): boolean {
  return target.is === "at most" ? median <= target.value : median >= target.value;
}
