/** The costs of daily use with many tasks: lists, the live view, queues, hooks, completion. */
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { copyTask } from "../fill.ts";
import { cpuSeconds, emptyNode, ended, Home, program, until, withHome } from "../home.ts";
import { inPairs, spreadOf, timed } from "../pairs.ts";
import type { Outcome, Row } from "../row.ts";

const OPEN = 10_000;
const QUEUES = 50;
const HOOKED = 1000;
const SETTLE_MS = 5000;
const WATCHED_MS = 10_000;

/** Opens a home with `open` tasks that wait in a held queue. */
async function waiting(open: number): Promise<Home> {
  const home = await Home.open();
  home.run("queue", "set", "held", "--slots", "1");
  home.run("queue", "hold", "held");
  home.run("run", "--queue", "held", "true");
  home.run("daemon", "stop");
  copyTask(home, 1, open - 1);
  home.run("daemon", "start");
  return home;
}

/** Opens a home with 50 queues, each with a task in its only slot, and 10,000 tasks that wait in them. */
async function queued(): Promise<Home> {
  const home = await Home.open();
  const peer = await home.connect();
  for (let n = 0; n < QUEUES; n++) {
    const queue = `q${n}`;
    await peer.call("queues/set", { name: queue, slots: 1 });
    const { task } = await peer.call("tasks/create", { argv: ["sleep", "10000"], queue });
    await until(peer, task.id, ["working"]);
    const tasks = Array.from({ length: OPEN / QUEUES }, () => ({ argv: ["true"], queue }));
    await peer.call("tasks/batch", { tasks });
  }
  return home;
}

/** Returns the time from the submission of a task to the end of its program, in ms. */
async function startMs(peer: Awaited<ReturnType<Home["connect"]>>): Promise<number> {
  return await timed(async () => {
    const { task } = await peer.call("tasks/create", { argv: ["true"] });
    await until(peer, task.id, ["completed"]);
  });
}

/** Returns how much of a core `watch` uses while nothing happens, in percent. */
async function watchShare(home: Home): Promise<number> {
  const line = `exec ${program} watch`;
  const child = spawn("script", ["-qec", line, "/dev/null"], {
    env: { ...home.env, TERM: "xterm-256color" },
    stdio: ["pipe", "ignore", "ignore"],
  });
  try {
    await sleep(SETTLE_MS);
    const pid = watchOf(child.pid as number);
    const before = cpuSeconds(pid);
    await sleep(WATCHED_MS);
    return ((cpuSeconds(pid) - before) / (WATCHED_MS / 1000)) * 100;
  } finally {
    child.kill();
  }
}

/** Returns the newest descendant of `script`: the process that runs in its terminal. */
function watchOf(root: number): number {
  const children = (pid: number) =>
    readdirSync("/proc").filter((name) => /^\d+$/.test(name) && parentOf(name) === pid);
  let last = root;
  for (let next = children(last); next[0] !== undefined; next = children(last)) last = Number(next[0]);
  return last;
}

function parentOf(pid: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1]);
  } catch {
    return undefined;
  }
}

/** Returns the daemon's CPU time for a thousand tasks, in s, with these hooks. */
async function thousandTasks(hooks: object[]): Promise<number> {
  return await withHome(async (home) => {
    writeFileSync(join(home.path, "config.json"), JSON.stringify({ hooks }));
    home.run("config", "reload");
    const { pid } = home;
    const before = cpuSeconds(pid);
    const peer = await home.connect();
    await peer.call("tasks/batch", { tasks: Array.from({ length: HOOKED }, () => ({ argv: ["true"] })) });
    await until(peer, HOOKED, ["completed"]);
    for (const told = () => peer.call("hooks/list", {}); hooks.length > 0; ) {
      const { hooks: reports } = await told();
      if (reports[0]?.told === HOOKED) break;
      await sleep(50);
    }
    return cpuSeconds(pid) - before;
  });
}

const TAB = 'COMP_WORDS=(agentctl pause ""); COMP_CWORD=2; _agentctl; [ -n "$COMPREPLY" ]';

/** Returns the time that the first Tab takes in a shell that has read the completion script, in ms. */
async function firstTab(home: Home): Promise<number> {
  const { PATH = "", ...env }: NodeJS.ProcessEnv = home.env;
  const options = {
    env: { ...env, PATH: `${join(home.path, "bin")}:${PATH}` },
    cwd: home.path,
    stdio: "ignore" as const,
  };
  const bash = (line: string) => ended(spawn("bash", ["--norc", "-c", `. ./completion; ${line}`], options));
  return (await timed(() => bash(TAB))) - (await timed(() => bash(":")));
}

const isThere = (name: string) => spawnSync(name, ["--version"]).error === undefined;

export const daily: Row[] = [
  {
    name: "list-open",
    what: "agentctl list with 10,000 open tasks",
    against: "with ten",
    target: { is: "at most", value: 3, unit: "×" },
    async measure(effort) {
      const [many, few] = [await waiting(OPEN), await waiting(10)];
      try {
        return await inPairs(
          effort.pairs(15),
          () => timed(() => many.spawn("list")),
          () => timed(() => few.spawn("list")),
        );
      } finally {
        await many.close();
        await few.close();
      }
    },
  },
  {
    name: "watch-open",
    what: "agentctl watch with 10,000 open tasks, while nothing happens",
    against: "a core",
    target: { is: "at most", value: 5, unit: "%" },
    async measure(effort): Promise<Outcome> {
      if (process.platform !== "linux" || !isThere("script")) return { skipped: "reads /proc, needs script" };
      const home = await waiting(OPEN);
      try {
        const shares: number[] = [];
        for (let n = 0; n < effort.pairs(3); n++) shares.push(await watchShare(home));
        return spreadOf(shares);
      } finally {
        await home.close();
      }
    },
  },
  {
    name: "plan-open",
    what: "a task from submission to end, with 10,000 queued in 50 queues",
    against: "the same with none, the difference",
    target: { is: "at most", value: 2, unit: "ms" },
    async measure(effort) {
      const [full, empty] = [await queued(), await Home.open()];
      try {
        const [fullPeer, emptyPeer] = [await full.connect(), await empty.connect()];
        const differences: number[] = [];
        for (let n = 0; n < effort.pairs(31); n++)
          differences.push((await startMs(fullPeer)) - (await startMs(emptyPeer)));
        return spreadOf(differences);
      } finally {
        await full.close();
        await empty.close();
      }
    },
  },
  {
    name: "hooks",
    what: "CPU of the daemon for 1000 hooks, a program each",
    against: "the same tasks without a hook, the difference",
    target: { is: "at most", value: 1, unit: "s" },
    async measure(effort): Promise<Outcome> {
      if (process.platform !== "linux") return { skipped: "reads /proc" };
      const hook = { on: ["completed"], run: ["/bin/true"] };
      const costs: number[] = [];
      for (let n = 0; n < effort.pairs(3); n++)
        costs.push((await thousandTasks([hook])) - (await thousandTasks([])));
      return spreadOf(costs);
    },
  },
  {
    name: "completion",
    what: "the first Tab behind agentctl pause, in bash",
    against: "node -e 0",
    target: { is: "at most", value: 2, unit: "×" },
    async measure(effort): Promise<Outcome> {
      if (!isThere("bash")) return { skipped: "needs bash" };
      return await withHome(async (home) => {
        writeFileSync(join(home.path, "completion"), home.run("completion", "bash"));
        mkdirSync(join(home.path, "bin"));
        symlinkSync(program, join(home.path, "bin/agentctl"));
        const peer = await home.connect();
        const { task } = await peer.call("tasks/create", { argv: ["sleep", "1000"] });
        await until(peer, task.id, ["working"]);
        return await inPairs(
          effort.pairs(21),
          () => firstTab(home),
          () => timed(emptyNode),
        );
      });
    },
  },
];
