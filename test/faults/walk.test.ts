import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { faultPoints } from "../../src/core/faults.ts";
import { closeHome, Home, until } from "../harness/index.ts";
import { type Scenario, scenarios } from "./scenarios/index.ts";
import { World } from "./world.ts";

/** Reached only by a store of an older schema: see migration.test.ts. */
const ELSEWHERE = ["migrate:before-backup", "migrate:after-backup"];

const wanted = Object.entries(scenarios).flatMap(([name, scenario]) =>
  scenario.points.map((point) => ({ name, point, scenario })),
);

test("every point is walked", () => {
  const walked = new Set<string>([...wanted.map(({ point }) => point), ...ELSEWHERE]);
  expect([...faultPoints.keys()].filter((point) => !walked.has(point))).toEqual([]);
});

/** Plays the scenario in a home of its own and holds all that must hold then. */
async function survive(scenario: Scenario, point: string): Promise<void> {
  const home = new Home();
  const settings = scenario.settings ?? {};
  const world = new World(home, { faults: [...(scenario.first ?? []), point], settings });
  try {
    await scenario.play(world);
    // The last points of a story lie behind what its clients see.
    await until(() => world.hasDiedAt(point), { deadlineMs: 5_000, message: `a daemon's death at ${point}` });
    await world.check();
  } catch (error) {
    if (existsSync(home.dir)) process.stderr.write(`${point}\n${world.log().slice(-4000)}\n`);
    throw error;
  } finally {
    world.close();
    const left = await closeHome(home);
    if (left.length > 0) process.stderr.write(`${point}: left over:\n  ${left.join("\n  ")}\n`);
    expect(left).toEqual([]);
  }
}

describe.concurrent("the daemon dies at", () => {
  test.for(wanted)("$point: $name", async ({ scenario, point }) => {
    await survive(scenario, point);
  });
});
