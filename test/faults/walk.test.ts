import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { faultPoints } from "../../src/core/faults.ts";
import { closeHome, Home, until } from "../harness/index.ts";
import { Chance, seedOf } from "./chance.ts";
import { type Scenario, scenarios } from "./scenarios/index.ts";
import { World } from "./world.ts";

/** Only a store of an older schema reaches these points: see migration.test.ts. */
const ELSEWHERE = ["migrate:before-backup", "migrate:after-backup"];

const walks = Object.entries(scenarios).flatMap(([name, scenario]) =>
  scenario.points.map((point) => ({ name, point, scenario })),
);

/** Every point in one of its stories, chosen by the seed. AGENTCTL_WALK=all takes all stories, and twice as long. */
const wanted = process.env.AGENTCTL_WALK === "all" ? walks : oneForEachPoint();

function oneForEachPoint() {
  const chance = new Chance(seedOf("stories of the walk"));
  return [...new Set(walks.map(({ point }) => point))].flatMap(
    (point) => chance.oneOf(walks.filter((walk) => walk.point === point)) ?? [],
  );
}

test("every fault point is walked", () => {
  const walked = new Set<string>([...wanted.map(({ point }) => point), ...ELSEWHERE]);
  expect([...faultPoints.keys()].filter((point) => !walked.has(point))).toEqual([]);
});

/** Plays the scenario in a new home while `meddle` disturbs it, and then checks everything that must hold. */
async function survive(
  scenario: Scenario,
  faults: (string | undefined)[],
  meddle: (world: World) => Promise<void>,
): Promise<void> {
  const home = new Home();
  const world = new World(home, { faults, settings: scenario.settings ?? {} });
  try {
    await inTime(Promise.all([scenario.play(world), meddle(world)]), "the scenario");
    await inTime(world.check(), "the check");
  } catch (error) {
    if (existsSync(home.dir))
      process.stderr.write(`${faults} ${error}, at ${world.doing}\n${world.log().slice(-4000)}\n`);
    throw error;
  } finally {
    world.close();
    expect(await closeHome(home)).toEqual([]);
  }
}

/** Rejects, before the test's own time limit, with an error that names what hangs. */
async function inTime(work: Promise<unknown>, what: string): Promise<void> {
  const late = new AbortController();
  const limit = sleep(90_000, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${what} hangs`);
  });
  limit.catch(() => undefined);
  await Promise.race([work, limit]).finally(() => late.abort());
}

/** A second try would hide what the first one found. */
const once = { retry: 0 };

describe.concurrent("the daemon dies at", once, () => {
  test.for(wanted)("$point: $name", async ({ scenario, point }) => {
    const hits = async (world: World) => {
      // The daemon may reach the last points of a story after its clients have seen the end.
      await until(() => world.hasDiedAt(point), {
        message: `a daemon's death at ${point}`,
      });
    };
    await survive(scenario, [...(scenario.first ?? []), point], hits);
  });
});

describe.concurrent("the daemon is killed from outside, at random moments, while", once, () => {
  const chance = new Chance(seedOf("kills from outside"));
  const killed = Object.entries(scenarios).map(([name, scenario]) => ({
    name,
    scenario,
    own: chance.fork(),
  }));
  test.for(killed)("$name", async ({ scenario, own }) => {
    const kills = async (world: World) => {
      for (let kill = 0; kill < 3; kill++) {
        await sleep(own.within(50, 500));
        await world.kill();
      }
    };
    await survive(scenario, scenario.first ?? [], kills);
  });
});
