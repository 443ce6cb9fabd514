import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { closeHome, Home } from "../harness/index.ts";
import { Chance, seedOf } from "./chance.ts";
import { type Does, moduleTask, shellTask } from "./fixtures.ts";
import { World } from "./world.ts";

/** How often the daemon is killed. For more kills by hand: AGENTCTL_KILLS=100. */
const KILLS = Number(process.env.AGENTCTL_KILLS ?? 10);
const MODULES = 10;
const PROGRAMS = 10;

/** How long a daemon lives on average, including its start. */
const LIFE_MS = 400;

/** Tasks of each kind last about as long as all the kills. */
const steps = Math.ceil((KILLS * LIFE_MS) / 100);
const does: Does = Array.from({ length: steps }, () => ["step", 80]);
const ticks = `i=0; while [ $i -lt ${steps * 2} ]; do i=$((i + 1)); echo tick $i; sleep 0.045; done`;

test(`${MODULES + PROGRAMS} tasks survive ${KILLS} kills of the daemon`, {
  timeout: 60_000 + KILLS * 5_000,
  retry: 0,
}, async () => {
  const chance = new Chance(seedOf("kills under load"));
  const home = new Home();
  const world = new World(home);
  try {
    await world.ask("queues/set", { name: "default", slots: MODULES + PROGRAMS });
    const modules: number[] = [];
    const programs: number[] = [];
    for (let i = 0; i < MODULES; i++) modules.push(await world.submit(moduleTask(home, does)));
    for (let i = 0; i < PROGRAMS; i++) {
      programs.push(await world.submit(shellTask(home, `${ticks}; exit ${100 + i}`)));
    }
    for (let kill = 1; kill <= KILLS; kill++) {
      await world.up();
      await sleep(chance.within(0, LIFE_MS));
      await world.kill();
    }
    for (const id of modules) {
      const task = await world.reach(id, "completed", undefined, 120_000);
      expect(task.result).toEqual(does.map((_, i) => `step${i}`));
      expect([task.attempt, world.count(id, "began"), world.count(id, "ran")]).toEqual([1, 1, steps]);
    }
    for (const [i, id] of programs.entries()) {
      const task = await world.reach(id, "failed", undefined, 120_000);
      expect([task.exitCode, task.attempt, world.count(id, "began")]).toEqual([100 + i, 1, 1]);
    }
    await world.check();
    process.stderr.write(
      `${KILLS} kills survived: ${MODULES} modules, ${MODULES * steps} steps run once; ${PROGRAMS} programs, own exit codes\n`,
    );
  } finally {
    world.close();
    expect(await closeHome(home)).toEqual([]);
  }
});
