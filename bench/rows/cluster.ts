/** Two machines with one store on this host, with a lease of 3 s: the costs to reach, move and save a task there. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RpcClient } from "../../src/protocol/rpc-client.ts";
import { beganAt, Home, now, until } from "../home.ts";
import { inPairs, spreadOf, timed } from "../pairs.ts";
import { type Postgres, startPostgres } from "../postgres.ts";
import type { Effort, Outcome, Row } from "../row.ts";
import { dbosOn } from "./peers.ts";
import { stepMs } from "./steps.ts";

const LEASE_S = 3;
const moduleOf = (name: string) => join(import.meta.dirname, `../tasks/${name}.mjs`);
const module = moduleOf("endless");

interface Pair {
  postgres: Postgres;
  one: Home;
  two: Home;
}

async function withPair(work: (pair: Pair) => Promise<Outcome>): Promise<Outcome> {
  const postgres = startPostgres();
  if (!postgres) return { skipped: "Postgres is not installed" };
  const [one, two] = [new Home(), new Home()];
  try {
    one.run("cluster", "init", postgres.url, "--name", "one", "--lease", `${LEASE_S}s`, "--slots", "16");
    const given = ["--key-file", join(one.path, "cluster.key"), "--name", "two", "--slots", "16"];
    two.run("cluster", "join", postgres.url, ...given);
    for (const home of [one, two]) home.run("daemon", "start");
    return await work({ postgres, one, two });
  } finally {
    await two.close();
    await one.close();
    postgres.stop();
  }
}

/** Starts a module with short steps on machine one. Returns the task's id. */
async function atWork(one: Home, rpc: RpcClient): Promise<number> {
  one.run("machine", "set", "two", "--slots", "0");
  await sleep(1000);
  const id = Number(one.run("run", module));
  await beganAt(one, id, 1);
  await until(rpc, id, ["working"]);
  one.run("machine", "set", "two", "--slots", "16");
  return id;
}

/** Kills every process of a home at once, as when a machine loses its power. */
function killAll({ path }: Home): void {
  for (;;) {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOf(name, path));
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // It has ended.
      }
    }
  }
}

function isOf(pid: string, path: string): boolean {
  if (Number(pid) === process.pid) return false;
  try {
    const [environ, words] = ["environ", "cmdline"].map((name) =>
      readFileSync(`/proc/${pid}/${name}`, "latin1"),
    );
    return Boolean(environ?.includes(path) || words?.includes(path));
  } catch {
    return false;
  }
}

/** Measures, `times` times, the time in s from `end` to the first line of the next attempt on machine two. */
async function movesTo(effort: Effort, times: number, end: (one: Home) => void): Promise<Outcome> {
  return await withPair(async ({ one, two }) => {
    const rpc = await two.connect();
    const taken: number[] = [];
    for (let n = 0; n < effort.pairs(times); n++) {
      const id = await atWork(one, rpc);
      await sleep(LEASE_S * 1000);
      const start = now();
      end(one);
      taken.push(((await beganAt(two, id, 2)) - start) / 1000);
      await rpc.call("tasks/cancel", { id });
      one.run("daemon", "start");
    }
    return { ...spreadOf(taken), note: `longest ${Math.max(...taken).toFixed(2)} s` };
  });
}

/** Measures each `turn` with one task, requested from machine two. The task first runs on machine one. */
async function inTurns(
  effort: Effort,
  turn: (scene: Omit<Pair, "postgres"> & { rpc: RpcClient; id: number }, n: number) => Promise<number>,
): Promise<Outcome> {
  return await withPair(async ({ one, two }) => {
    const rpc = await two.connect();
    const id = await atWork(one, rpc);
    const taken: number[] = [];
    for (let n = 1; n <= effort.pairs(20); n++) taken.push(await turn({ one, two, rpc, id }, n));
    return spreadOf(taken);
  });
}

/** Returns when the last step of a task was durable, by the clock of {@link now}. */
function lastOf(home: Home, id: number): number {
  return Number(readFileSync(join(home.path, "tasks", String(id), "last"), "utf8"));
}

/** Measures, after each of these outages, the time from when the database serves again to the next durable step. */
async function afterOutages(effort: Effort, leases: readonly number[]): Promise<Outcome> {
  return await withPair(async ({ postgres, one }) => {
    if (!postgres.goAway) return { skipped: "it needs a Postgres of its own" };
    const rpc = await one.connect();
    const id = Number(one.run("run", "--on", "one", moduleOf("steady")));
    await until(rpc, id, ["working"]);
    const taken: number[] = [];
    for (let n = 0; n < effort.pairs(5); n++) {
      for (const each of leases) {
        await sleep(LEASE_S * 1000);
        await postgres.goAway(each * LEASE_S * 1000);
        const back = now();
        while (lastOf(one, id) < back) await sleep(5);
        taken.push(lastOf(one, id) - back);
      }
    }
    const { task } = await rpc.call("tasks/get", { id });
    if (task.attempt !== 1) throw new Error(`the task is in attempt ${task.attempt}`);
    return { ...spreadOf(taken), note: `longest ${Math.max(...taken).toFixed(0)} ms` };
  });
}

const against = "–";

export const cluster: Row[] = [
  {
    name: "cluster-pause",
    what: "pause of a task on another machine, call to answer",
    against,
    target: { is: "at most", value: 150, unit: "ms" },
    measure: (effort) =>
      inTurns(effort, async ({ one, rpc, id }, n) => {
        await sleep(300);
        const ms = await timed(() => rpc.call("tasks/pause", { id, mode: "checkpoint" }));
        await rpc.call("tasks/resume", { id, on: ["one"] });
        await beganAt(one, id, n + 1);
        return ms;
      }),
  },
  {
    name: "cluster-resume",
    what: "resume on the other machine, its first line running",
    against,
    target: { is: "at most", value: 150, unit: "ms" },
    measure: (effort) =>
      inTurns(effort, async ({ one, two, rpc, id }, n) => {
        await rpc.call("tasks/pause", { id, mode: "checkpoint" });
        await sleep(500);
        const [name, home] = n % 2 === 1 ? (["two", two] as const) : (["one", one] as const);
        const start = now();
        await rpc.call("tasks/resume", { id, on: [name] });
        return (await beganAt(home, id, n + 1)) - start;
      }),
  },
  {
    name: "cluster-kill",
    what: "SIGKILL of a whole machine, lease 3 s, to the next attempt elsewhere",
    against,
    target: { is: "at most", value: LEASE_S + 1, unit: "s" },
    measure: (effort) => movesTo(effort, 10, killAll),
  },
  {
    name: "cluster-stop",
    what: "SIGTERM to a daemon, to the next attempt elsewhere",
    against,
    target: { is: "at most", value: 2, unit: "s" },
    measure: (effort) => movesTo(effort, 10, (one) => process.kill(one.pid, "SIGTERM")),
  },
  {
    name: "cluster-outage",
    what: "database away for 0.2, 1 and 5 leases: from its return to the next step of the same attempt",
    against,
    target: { is: "at most", value: 1000, unit: "ms" },
    measure: (effort) => afterOutages(effort, [0.2, 1, 5]),
  },
  {
    name: "cluster-steps",
    what: "a ten-step task in a cluster, steps a second",
    against: "DBOS Transact, steps one after the other, on the same Postgres",
    target: { is: "at least", value: 1.5, unit: "×" },
    measure: (effort) =>
      withPair(async ({ postgres, one }) => {
        const peer = await dbosOn(postgres);
        if (typeof peer === "string") return { skipped: peer };
        try {
          await peer.once();
          await stepMs(one, 1, 50);
          const theirs = async () =>
            (await timed(async () => {
              for (let n = 0; n < 20; n++) await peer.once();
            })) / 200;
          return await inPairs(
            effort.pairs(9),
            async () => 1 / (await stepMs(one, 1, 200)),
            async () => 1 / (await theirs()),
          );
        } finally {
          await peer.close();
        }
      }),
  },
];
