/** The same task of ten steps of 1 KiB, compared with libraries that make steps durable inside one process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withHome } from "../home.ts";
import { inPairs, timed } from "../pairs.ts";
import { type Postgres, startPostgres } from "../postgres.ts";
import type { Effort, Outcome, Row } from "../row.ts";
import { stepMs } from "./steps.ts";

const STEPS = 10;
const VALUE = "x".repeat(1000);
/** How many tasks make one measurement: a single task of ten steps is too short. */
const TIMES = 20;

/** Imports a library that may not be installed. We pass its name at run time, so its types are not needed. */
async function installed(name: string): Promise<Record<string, never> | undefined> {
  try {
    return (await import(name)) as Record<string, never>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

interface Peer {
  /** Runs the task of ten steps to its end. */
  once(): Promise<unknown>;
  close(): Promise<void> | void;
}

async function dbos(): Promise<Peer | string> {
  const postgres = startPostgres();
  if (!postgres) return "Postgres is not installed";
  const peer = await dbosOn(postgres);
  if (typeof peer === "string") {
    postgres.stop();
    return peer;
  }
  const close = async () => {
    await peer.close();
    postgres.stop();
  };
  return { ...peer, close };
}

let tenSteps: Peer["once"] | undefined;

/** Starts DBOS on a server that is shared with another row. */
export async function dbosOn(postgres: Postgres): Promise<Peer | string> {
  const found = await installed("@dbos-inc/dbos-sdk");
  if (!found) return "@dbos-inc/dbos-sdk is not installed (npm install in bench/)";
  // biome-ignore lint/suspicious/noExplicitAny: its types are there only where it is installed
  const DBOS = found.DBOS as any;
  DBOS.setConfig({
    name: "bench",
    systemDatabaseUrl: postgres.url,
    logLevel: "error",
    runAdminServer: false,
  });
  // DBOS takes a name only once in a process, but two rows use it.
  tenSteps ??= DBOS.registerWorkflow(
    async () => {
      for (let i = 0; i < STEPS; i++) await DBOS.runStep(async () => VALUE, { name: `step ${i}` });
    },
    { name: "ten steps" },
  ) as Peer["once"];
  const run = tenSteps;
  await DBOS.launch();
  return {
    once: () => run(),
    close: () => DBOS.shutdown(),
  };
}

async function langgraph(): Promise<Peer | string> {
  const graphs = await installed("@langchain/langgraph");
  const savers = await installed("@langchain/langgraph-checkpoint-sqlite");
  if (!graphs || !savers)
    return "@langchain/langgraph-checkpoint-sqlite is not installed (npm install in bench/)";
  // biome-ignore-start lint/suspicious/noExplicitAny: its types are there only where it is installed
  const { StateGraph, Annotation, START, END } = graphs as any;
  const { SqliteSaver } = savers as any;
  // biome-ignore-end lint/suspicious/noExplicitAny: see above
  const folder = mkdtempSync(join(tmpdir(), "agentctl-bench-lg-"));
  const saver = SqliteSaver.fromConnString(join(folder, "graph.db"));
  saver.db.pragma("journal_mode = wal");
  saver.db.pragma("synchronous = full");
  let graph = new StateGraph(Annotation.Root({ value: Annotation() }));
  for (let i = 0; i < STEPS; i++) graph = graph.addNode(`step${i}`, async () => ({ value: VALUE }));
  graph = graph.addEdge(START, "step0").addEdge(`step${STEPS - 1}`, END);
  for (let i = 1; i < STEPS; i++) graph = graph.addEdge(`step${i - 1}`, `step${i}`);
  const app = graph.compile({ checkpointer: saver });
  let thread = 0;
  return {
    once: () =>
      app.invoke({ value: "" }, { configurable: { thread_id: String(thread++) }, durability: "sync" }),
    close: () => {
      saver.db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Measures the ratio of steps per second: `tasks` of our tasks against as many at a time of the peer's. */
async function against(effort: Effort, peer: Peer | string, tasks: number): Promise<Outcome> {
  if (typeof peer === "string") return { skipped: peer };
  try {
    return await withHome(
      async (home) => {
        await peer.once();
        await stepMs(home, tasks, 50);
        const theirs = async () => (await timed(many(peer, tasks))) / (TIMES * STEPS);
        const ours = () => stepMs(home, tasks, (TIMES * STEPS) / tasks);
        return await inPairs(
          effort.pairs(9),
          async () => 1 / (await ours()),
          async () => 1 / (await theirs()),
        );
      },
      { slots: 16 },
    );
  } finally {
    await peer.close();
  }
}

/** Returns a function that runs the peer's tasks, `atOnce` at a time. */
function many(peer: Peer, atOnce: number) {
  return async () => {
    for (let i = 0; i < TIMES; i += atOnce)
      await Promise.all(Array.from({ length: atOnce }, () => peer.once()));
  };
}

export const peers: Row[] = [
  {
    name: "dbos",
    what: "a ten-step task, steps a second",
    against: "DBOS Transact on Postgres",
    target: { is: "at least", value: 6, unit: "×" },
    measure: async (effort) => await against(effort, await dbos(), 1),
  },
  {
    name: "langgraph",
    what: "ten-step tasks, four together, steps a second",
    against: "LangGraph's SQLite saver, synchronous=FULL",
    target: { is: "at least", value: 1, unit: "×" },
    measure: async (effort) => await against(effort, await langgraph(), 4),
  },
];
