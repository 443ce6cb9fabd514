import type { Spread } from "./pairs.ts";

/** How much to measure: `share` of the full number of pairs, at least `atLeast`. */
export interface Effort {
  isQuick: boolean;
  pairs(full: number): number;
}

/** The result, or why nothing could be measured. */
export type Outcome = (Spread & { note?: string }) | { skipped: string };

/** One row of the table. */
export interface Row {
  /** Its name in `npm run bench -- <name>`. */
  name: string;
  what: string;
  against: string;
  /** The bound for the median, and whether it is an upper or a lower bound. */
  target: { is: "at most" | "at least"; value: number; unit: "×" | "MB" | "processes" | "s" | "ms" | "%" };
  measure(effort: Effort): Promise<Outcome>;
}

export function isMet({ target }: Row, { median }: Spread): boolean {
  return target.is === "at most" ? median <= target.value : median >= target.value;
}
