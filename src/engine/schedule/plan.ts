import type { Line } from "../../store/store.ts";

/** What to start now. */
export type Start = Line["waiting"][number];

/** The tasks to start: in each line as many as it has free slots, best first. Pure: the store gives the lines in order. */
export function plan(lines: readonly Line[], busy: ReadonlySet<number>): Start[] {
  return lines.flatMap((line) =>
    line.waiting.slice(0, Math.max(0, line.free)).filter(({ id }) => !busy.has(id)),
  );
}
