/** Draws how costs grow: a chart each for history, open tasks, parallel tasks and checkpoint size, in docs/. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyNode, type Home, until, withHome } from "./home.ts";
import { spreadOf, timed } from "./pairs.ts";
import type { Effort } from "./row.ts";
import { filled } from "./rows/history.ts";
import { stepMs } from "./rows/steps.ts";
import { type Chart, svgOf } from "./svg.ts";

type Point = [x: number, y: number];

/** Draws docs/performance-<name>.svg. Times are relative to an empty Node, measured alternately. */
export async function drawCharts(effort: Effort): Promise<void> {
  const charts: Record<string, (effort: Effort) => Promise<Chart>> = {
    history: historyChart,
    open: openChart,
    parallel: parallelChart,
    checkpoint: checkpointChart,
  };
  for (const [name, draw] of Object.entries(charts)) {
    const chart = await draw(effort);
    writeFileSync(join(import.meta.dirname, `../docs/performance-${name}.svg`), svgOf(chart));
    process.stderr.write(`docs/performance-${name}.svg ${JSON.stringify(chart.lines)}\n`);
  }
}

/** Returns the median ratio of the time of `ours` to the time of an empty Node, measured alternately. */
async function share(effort: Effort, full: number, ours: () => Promise<number>): Promise<number> {
  const ratios: number[] = [];
  for (let i = 0; i < effort.pairs(full); i++) ratios.push((await ours()) / (await timed(emptyNode)));
  return spreadOf(ratios).median;
}

async function commands(
  effort: Effort,
  sizes: { ended?: number; open?: number },
): Promise<{ list: number; run: number }> {
  const home = await filled(sizes);
  try {
    home.run("daemon", "start");
    const peer = await home.connect();
    const list = await share(effort, 11, () =>
      timed(() => peer.call("tasks/list", { recent: 20, limit: 100 })),
    );
    const run = await share(effort, 11, () => timed(() => once(home, peer)));
    return { list, run };
  } finally {
    await home.close();
  }
}

async function once(_home: Home, peer: Awaited<ReturnType<Home["connect"]>>): Promise<void> {
  const { task } = await peer.call("tasks/create", { argv: ["true"] });
  await until(peer, task.id, ["completed"]);
}

async function grown(
  effort: Effort,
  counts: number[],
  sizes: (count: number) => { ended?: number; open?: number },
) {
  const list: Point[] = [];
  const run: Point[] = [];
  for (const count of counts) {
    const measured = await commands(effort, sizes(count));
    list.push([count, measured.list]);
    run.push([count, measured.run]);
  }
  return [
    { name: "list, the newest 100", points: list },
    { name: "submit, run and end of true", points: run },
  ];
}

async function historyChart(effort: Effort): Promise<Chart> {
  const counts = effort.isQuick ? [0, 10_000] : [0, 25_000, 50_000, 75_000, 100_000];
  return {
    title: "History: calls over a store of ended tasks",
    xLabel: "ended tasks in the store",
    yLabel: "time / node -e 0",
    isLogarithmic: false,
    lines: await grown(effort, counts, (ended) => ({ ended })),
  };
}

async function openChart(effort: Effort): Promise<Chart> {
  const counts = effort.isQuick ? [0, 2000] : [0, 2500, 5000, 7500, 10_000];
  return {
    title: "Open tasks: calls beside tasks that wait in a held queue",
    xLabel: "open tasks in the store",
    yLabel: "time / node -e 0",
    isLogarithmic: false,
    lines: await grown(effort, counts, (open) => ({ open })),
  };
}

async function parallelChart(effort: Effort): Promise<Chart> {
  const counts = effort.isQuick ? [1, 4] : [1, 2, 4, 8, 16];
  const points: Point[] = [];
  await withHome(
    async (home) => {
      await stepMs(home, 1, 50);
      for (const tasks of counts) {
        const times: number[] = [];
        for (let i = 0; i < effort.pairs(5); i++) {
          times.push((await stepMs(home, tasks, 800, true)) / (await stepMs(home, 1, 800, true)));
        }
        points.push([tasks, 1 / spreadOf(times).median]);
      }
    },
    { slots: 32 },
  );
  return {
    title: "Parallel tasks: durable 1 KiB steps a second, all together",
    xLabel: "tasks running at once",
    yLabel: "steps a second / those of one task",
    isLogarithmic: true,
    lines: [{ name: "all tasks together", points }],
  };
}

async function checkpointChart(effort: Effort): Promise<Chart> {
  const kibs = effort.isQuick ? [1, 1024] : [1, 512, 1024, 2048, 4096, 8000];
  const points: Point[] = [];
  await withHome(async (home) => {
    const module = join(import.meta.dirname, "tasks/checkpoints.mjs");
    const peer = await home.connect();
    for (const kib of kibs) {
      const input = { bytes: kib * 1024 - 2, count: effort.pairs(9) };
      const { task } = await peer.call("tasks/create", { module, input });
      const { result } = await until(peer, task.id, ["completed"]);
      const node = await timed(emptyNode);
      points.push([kib, spreadOf(result as number[]).median / node]);
    }
  });
  return {
    title: "Checkpoint size: one durable save",
    xLabel: "KiB",
    yLabel: "time / node -e 0",
    isLogarithmic: false,
    lines: [{ name: "task.save", points }],
  };
}
