/** The memory of the daemon and of suspended tasks. Linux only: it reads /proc. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { copyTask } from "../fill.ts";
import { cpuSeconds, Home, plainEnvironment, residentMb, until, withHome } from "../home.ts";
import { inPairs, spreadOf } from "../pairs.ts";
import type { Effort, Outcome, Row } from "../row.ts";

/** How long to wait until a daemon has done its first chores and is idle, in ms. */
const SETTLE_MS = 7000;
const SUSPENDED = 10_000;

async function settled(home: Home, ms = SETTLE_MS): Promise<number> {
  home.run("daemon", "start");
  const pid = home.pid;
  await sleep(ms);
  return residentMb(pid);
}

async function idleNodeMb(): Promise<number> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1e6)"], {
    env: plainEnvironment(),
    stdio: "ignore",
  });
  await sleep(1000);
  const mb = residentMb(child.pid as number);
  child.kill();
  return mb;
}

async function suspendedHome(): Promise<Home> {
  const home = await Home.open();
  const peer = await home.connect();
  const id = await suspendedTask(peer);
  peer.close();
  home.run("daemon", "stop");
  copyTask(home, id, SUSPENDED);
  return home;
}

async function suspendedTask(peer: Awaited<ReturnType<Home["connect"]>>): Promise<number> {
  const module = join(import.meta.dirname, "../tasks/endless.mjs");
  const { task } = await peer.call("tasks/create", { module });
  await until(peer, task.id, ["working"]);
  await sleep(500);
  await peer.call("tasks/pause", { id: task.id, mode: "checkpoint" });
  return task.id;
}

/** Measures the memory in MB and the CPU time in s that a gigabyte of output costs the daemon. */
async function outputCost(): Promise<{ mb: number; cpu: number }> {
  return await withHome(async (home) => {
    await home.spawn("run", "--wait", "true");
    await sleep(SETTLE_MS);
    const { pid } = home;
    const before = { mb: residentMb(pid), cpu: cpuSeconds(pid) };
    await home.spawn("run", "--wait", "sh", "-c", "head -c 1000000000 /dev/zero");
    await sleep(500);
    return { mb: residentMb(pid) - before.mb, cpu: cpuSeconds(pid) - before.cpu };
  });
}

async function often(times: number, value: () => Promise<number>): Promise<Outcome> {
  if (process.platform !== "linux") return { skipped: "reads /proc" };
  const values: number[] = [];
  for (let i = 0; i < times; i++) values.push(await value());
  return spreadOf(values);
}

export const memory: Row[] = [
  {
    name: "memory-idle",
    what: "resident memory of an idle daemon",
    against: "node -e 0",
    target: { is: "at most", value: 1.8, unit: "×" },
    async measure(effort) {
      if (process.platform !== "linux") return { skipped: "reads /proc" };
      const ours = async () => {
        const home = await Home.open();
        const mb = await settled(home);
        await home.close();
        return mb;
      };
      return await inPairs(effort.pairs(3), ours, idleNodeMb);
    },
  },
  {
    name: "memory-suspended",
    what: "memory of the daemon with 10,000 suspended tasks",
    against: "none",
    target: { is: "at most", value: 20, unit: "MB" },
    async measure(effort) {
      const [full, empty] = [await suspendedHome(), await Home.open()];
      empty.run("daemon", "stop");
      try {
        return await often(effort.pairs(3), async () => {
          const [with_, without] = [await settled(full), await settled(empty)];
          for (const home of [full, empty]) home.run("daemon", "stop");
          return with_ - without;
        });
      } finally {
        await full.close();
        await empty.close();
      }
    },
  },
  {
    name: "memory-output",
    what: "memory of the daemon after 1 GB of a task's output",
    against: "before",
    target: { is: "at most", value: 5, unit: "MB" },
    measure: (effort: Effort) => often(effort.pairs(3), async () => (await outputCost()).mb),
  },
  {
    name: "cpu-output",
    what: "CPU of the daemon during 1 GB of a task's output",
    against: "–",
    target: { is: "at most", value: 0.4, unit: "s" },
    measure: (effort: Effort) => often(effort.pairs(3), async () => (await outputCost()).cpu),
  },
  {
    name: "suspended-processes",
    what: "processes that a suspended task holds",
    against: "–",
    target: { is: "at most", value: 0, unit: "processes" },
    measure: (effort: Effort) =>
      withHome(async (home) => {
        const peer = await home.connect();
        return await often(effort.pairs(3), async () => {
          const id = await suspendedTask(peer);
          return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOf(name, home.path, id))
            .length;
        });
      }),
  },
];

/** Whether a process has the task in its environment. */
function isOf(pid: string, home: string, id: number): boolean {
  try {
    const environ = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0");
    return environ.includes(`AGENTCTL_HOME=${home}`) && environ.includes(`AGENTCTL_TASK_ID=${id}`);
  } catch {
    return false;
  }
}
