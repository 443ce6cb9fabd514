import { expect, test } from "vitest";
import { closeHome, Home } from "../harness/index.ts";
import { Chance, seedOf } from "./chance.ts";
import { PowerDisk } from "./power.ts";
import { RandomWalk } from "./random-walk.ts";
import { World } from "./world.ts";

/** How long we repeat power failures, in s. `npm run walk -- --power --seconds 3600` sets it. */
const SECONDS = Number(process.env.AGENTCTL_WALK_SECONDS ?? 6);

const options = { timeout: SECONDS * 1000 + 300_000, retry: 0 };

test("power failures lose nothing that was acknowledged", options, async ({ skip }) => {
  const home = new Home();
  const disk = PowerDisk.mounted(home, skip);
  const world = new World(home, { settings: { hosts: 1 } });
  disk.sync();
  const walk = new RandomWalk(world, new Chance(seedOf("power failures")), disk);
  try {
    await walk.walk(SECONDS);
    expect(await walk.ends()).toEqual([]);
    await world.check();
    const counts = { ...walk.done, daemons: world.daemons, tasks: world.ids.size };
    process.stderr.write(`power failures: ${JSON.stringify(counts)}\n`);
    expect(walk.done["power failures"]).toBeGreaterThan(0);
  } finally {
    world.close();
    await disk.remove();
    expect(await closeHome(home)).toEqual([]);
  }
});
