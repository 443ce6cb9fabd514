/**
 * Measures two things alternately, because a machine is never quiet. Each pair gives a ratio, and the median of the
 * ratios counts. Which of the two goes first changes from pair to pair.
 */
import { performance } from "node:perf_hooks";

/** The result of many pairs: the median, and the quartiles as the spread. */
export interface Spread {
  median: number;
  low: number;
  high: number;
  pairs: number;
}

type Measure = () => Promise<number> | number;

/** Returns how long `work` takes, in ms. */
export async function timed(work: () => Promise<unknown> | unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Measures the ratio of `ours` to `theirs` in `count` pairs. Both return a number in the same unit, such as ms. */
export async function inPairs(count: number, ours: Measure, theirs: Measure): Promise<Spread> {
  const ratios: number[] = [];
  for (let pair = 0; pair < count; pair++) {
    const oursFirst = pair % 2 === 0;
    const first = await (oursFirst ? ours : theirs)();
    const second = await (oursFirst ? theirs : ours)();
    ratios.push(oursFirst ? first / second : second / first);
  }
  return spreadOf(ratios);
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    low: quantile(sorted, 0.25),
    high: quantile(sorted, 0.75),
    pairs: sorted.length,
  };
}

function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? below;
  return below + (above - below) * (at - Math.floor(at));
}
