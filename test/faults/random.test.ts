import { cpSync } from "node:fs";
import { expect, test } from "vitest";
import { closeHome, Home } from "../harness/index.ts";
import { Chance, seedOf } from "./chance.ts";
import { RandomWalk } from "./random-walk.ts";
import { World } from "./world.ts";

/** How long the walk is, in s. `npm run walk -- --seconds 3600` sets it. */
const SECONDS = Number(process.env.AGENTCTL_WALK_SECONDS ?? 20);
/** A walk consists of legs, each in a new home, so that we find a failure soon after its cause. */
const LEG_SECONDS = 20;

const seed = seedOf("random walk");
const legs = Math.max(1, Math.round(SECONDS / LEG_SECONDS));

test(`nothing is lost on a random walk of ${SECONDS} s`, { timeout: legs * 200_000, retry: 0 }, async () => {
  const total: Record<string, number> = {};
  for (let leg = 0; leg < legs; leg++) {
    const done = await walkOneLeg(seed + leg, Math.min(SECONDS, LEG_SECONDS));
    for (const [what, count] of Object.entries(done)) total[what] = (total[what] ?? 0) + count;
    process.stderr.write(`leg ${leg + 1} of ${legs} (seed ${seed + leg}): ${JSON.stringify(total)}\n`);
  }
});

async function walkOneLeg(legSeed: number, seconds: number): Promise<Record<string, number>> {
  const home = new Home();
  const world = new World(home, { settings: { hosts: 1 } });
  const walk = new RandomWalk(world, new Chance(legSeed));
  let hasFailed = false;
  try {
    await walk.walk(seconds);
    expect(await walk.ends()).toEqual([]);
    await world.check();
    return { ...walk.done, daemons: world.daemons, tasks: world.ids.size };
  } catch (error) {
    const kept = `${home.root}-failed`;
    cpSync(home.root, kept, { recursive: true, filter: (path) => !path.endsWith(".sock") });
    process.stderr.write(`AGENTCTL_SEED=${legSeed}: the home is kept in ${kept}\n`);
    hasFailed = true;
    throw error;
  } finally {
    world.close();
    const left = await closeHome(home);
    // After a failure much is left over, which would hide the cause.
    if (!hasFailed) expect(left).toEqual([]);
  }
}
