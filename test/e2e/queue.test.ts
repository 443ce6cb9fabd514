import { expect } from "vitest";
import { it } from "../harness/index.ts";
import { meanwhile, oneSlot } from "./story.ts";

it("works on as many tasks at a time as the queue has slots", async ({ home }) => {
  const queue = await oneSlot(home);
  const first = await home.run("--queue", queue, "sleep", "60");
  const second = await home.run("--queue", queue, "sleep", "60");
  await home.reaches(first, "working");
  await meanwhile(home);
  expect(await home.task(second)).toMatchObject({ state: "submitted", waiting: { for: "slot" } });
  await home.cli("queue", "set", queue, "--slots", "2");
  await home.reaches(second, "working");
});

it("starts nothing and stops nothing while it is held", async ({ home }) => {
  const queue = await oneSlot(home);
  const first = await home.run("--queue", queue, "sleep", "60");
  await home.reaches(first, "working");
  await home.cli("queue", "hold", queue);
  const second = await home.run("--queue", queue, "true");
  await home.cli("cancel", `${first}`, "--grace", "0s");
  await meanwhile(home);
  expect(await home.task(second)).toMatchObject({ state: "submitted", waiting: { for: "queue", on: queue } });
  await home.cli("queue", "release", queue);
  await home.reaches(second, "completed");
});

it("says which command makes a queue that is not there", async ({ home }) => {
  const { code, stderr } = await home.cli("run", "--queue", "nightly", "true");
  expect(code).toBe(3);
  expect(stderr).toContain("agentctl queue set nightly --slots");
});
