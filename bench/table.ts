import { isMet, type Outcome, type Row } from "./row.ts";

/** Returns the results as lines of Markdown. */
export function tableLines(results: readonly { row: Row; outcome: Outcome }[]): string[] {
  const head = "| row | what | against | target | median | spread | pairs | verdict |";
  return [head, "| --- | --- | --- | --- | --- | --- | --- | --- |", ...results.map(lineOf)];
}

export function lineOf({ row, outcome }: { row: Row; outcome: Outcome }): string {
  const { name, what, against, target } = row;
  const bound = `${target.is === "at most" ? "≤" : "≥"} ${target.value} ${target.unit}`;
  const front = `| ${name} | ${what} | ${against} | ${bound} |`;
  if ("skipped" in outcome) return `${front} – | – | – | skipped: ${outcome.skipped} |`;
  const { median, low, high, pairs, note } = outcome;
  const verdict = `${isMet(row, outcome) ? "met" : "missed"}${note ? `; ${note}` : ""}`;
  return `${front} ${short(median)} | ${short(low)} – ${short(high)} | ${pairs} | ${verdict} |`;
}

function short(value: number): string {
  return value >= 10 || value <= -10 ? value.toFixed(1) : value.toFixed(2);
}
