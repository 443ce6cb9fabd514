/**
 * Measures agentctl against similar programs and lower bounds, and prints one table.
 *
 *     npm run bench                      every row
 *     npm run bench -- batch pause       these rows
 *     npm run bench -- --quick           a few pairs of each row, to see whether anything has changed
 *     npm run bench -- --charts          draws docs/performance-*.svg
 */
import { drawCharts } from "./charts.ts";
import type { Effort, Outcome, Row } from "./row.ts";
import { cluster } from "./rows/cluster.ts";
import { commandLine } from "./rows/command-line.ts";
import { control } from "./rows/control.ts";
import { daily } from "./rows/daily.ts";
import { history } from "./rows/history.ts";
import { http } from "./rows/http.ts";
import { memory } from "./rows/memory.ts";
import { peers } from "./rows/peers.ts";
import { steps } from "./rows/steps.ts";
import { throughput } from "./rows/throughput.ts";
import { lineOf, tableLines } from "./table.ts";

const rows: Row[] = [
  ...commandLine,
  ...throughput,
  ...steps,
  ...peers,
  ...control,
  ...history,
  ...daily,
  ...memory,
  ...http,
  ...cluster,
];

async function main(words: string[]): Promise<void> {
  const isQuick = words.includes("--quick");
  const effort: Effort = { isQuick, pairs: (full) => (isQuick ? Math.max(1, Math.round(full / 5)) : full) };
  if (words.includes("--charts")) return await drawCharts(effort);
  const names = words.filter((word) => word !== "--quick");
  const unknown = names.find((name) => !rows.some((row) => row.name === name));
  if (unknown !== undefined) {
    throw new Error(
      `there is no row ${unknown}; there are ${rows.map(({ name }) => name).join(", ")}, and the options --quick and --charts`,
    );
  }
  const results: { row: Row; outcome: Outcome }[] = [];
  for (const row of rows.filter(({ name }) => names.length === 0 || names.includes(name))) {
    const outcome = await row.measure(effort).catch((error: Error) => ({ skipped: error.message }));
    results.push({ row, outcome });
    process.stderr.write(`${lineOf({ row, outcome })}\n`);
  }
  process.stdout.write(`${tableLines(results).join("\n")}\n`);
}

await main(process.argv.slice(2));
