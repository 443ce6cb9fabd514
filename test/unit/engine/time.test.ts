/** Tests of time in the engine, with a clock that the tests move. */
import { expect } from "vitest";
import type { ScheduledTask } from "../../../src/core/recurring.ts";
import { addSchedule, Recurring, resume } from "../../../src/engine/index.ts";
import { afterJump } from "../../../src/engine/schedule/clock-watch.ts";
import { until } from "../../harness/until.ts";
import { test } from "./engine-bench.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test("a delayed task starts when its time has come, even if the clock jumps there", async ({ bench }) => {
  const id = await bench.submit({ notBefore: bench.clock.now() + 10 * MINUTE });
  bench.clock.pass(9 * MINUTE);
  expect(await bench.start()).toBe(0);
  bench.clock.jump(MINUTE);
  expect(await bench.start()).toBe(1);
  expect((await bench.task(id)).state).toBe("working");
});

test("a delay until a given time follows the wall clock, even if somebody sets that back", async ({
  bench,
}) => {
  await bench.submit({ notBefore: bench.clock.now() + 10 * MINUTE });
  bench.clock.jump(-HOUR);
  await afterJump(bench.engine, bench.watch.jump());
  bench.clock.pass(10 * MINUTE);
  expect(await bench.start()).toBe(0);
  bench.clock.pass(HOUR);
  expect(await bench.start()).toBe(1);
});

test("a back-off keeps its length when the clock is set back by a day", async ({ bench }) => {
  const id = await bench.submit({ argv: ["false"], retries: 3, backoffMs: HOUR });
  await bench.start();
  await until(async () => (await bench.task(id)).failures === 1);
  bench.clock.jump(-DAY);
  await afterJump(bench.engine, bench.watch.jump());
  // A back-off varies by a tenth.
  bench.clock.pass(50 * MINUTE);
  expect(await bench.start()).toBe(0);
  bench.clock.pass(11 * MINUTE);
  expect(await bench.start()).toBe(1);
});

test("a pause until a time ends automatically, even if the machine slept through that time", async ({
  bench,
}) => {
  const id = await bench.submit({});
  await bench.start();
  await bench.freeze(id, bench.clock.now() + HOUR);
  expect(await bench.start()).toBe(0);
  bench.clock.jump(8 * HOUR);
  await bench.start();
  expect(await bench.task(id)).toMatchObject({ state: "working", attempt: 1 });
});

test("time that the machine sleeps counts as paused, not as running", async ({ bench }) => {
  const id = await bench.submit({});
  await bench.start();
  bench.clock.pass(5 * MINUTE);
  bench.clock.jump(8 * HOUR);
  bench.clock.pass(MINUTE);
  expect(await bench.freeze(id)).toMatchObject({ runMs: 6 * MINUTE, pausedMs: 8 * HOUR });
});

test("setting the clock back makes no time negative, and running time continues", async ({ bench }) => {
  const id = await bench.submit({});
  await bench.start();
  bench.clock.pass(5 * MINUTE);
  bench.clock.jump(-DAY);
  bench.clock.pass(5 * MINUTE);
  expect(await bench.freeze(id)).toMatchObject({ runMs: 10 * MINUTE, pausedMs: 0 });
  bench.clock.jump(-DAY);
  await resume(bench.engine, id, { actor: "user" });
  expect((await bench.task(id)).pausedMs).toBeGreaterThanOrEqual(0);
});

test("a time limit counts neither the sleep of the machine nor a pause", async ({ bench }) => {
  const id = await bench.submit({ timeoutMs: 1000 });
  await bench.start();
  bench.clock.jump(DAY);
  bench.clock.pass(850);
  expect(await bench.freeze(id)).toMatchObject({ state: "suspended", runMs: 850 });
  bench.clock.pass(DAY);
  await resume(bench.engine, id, { actor: "user" });
  await bench.start();
  expect(await bench.task(id)).toMatchObject({ state: "working", runMs: 850 });
  // The timer waits for the remaining 150 ms in real time.
  await until(async () => (await bench.task(id)).state === "failed");
  expect((await bench.task(id)).error).toMatchObject({ name: "TimedOut" });
});

test("slewing the clock is not a jump, but setting it and sleeping are", async ({
  bench: { clock, watch },
}) => {
  clock.pass(HOUR);
  clock.jump(200);
  expect(watch.jump()).toBe(0);
  clock.jump(HOUR);
  expect(watch.jump()).toBe(HOUR + 200);
  clock.pass(HOUR);
  expect(watch.jump()).toBe(0);
  clock.jump(-DAY);
  expect(watch.jump()).toBe(-DAY);
});

test("a schedule follows the clock that is set back by years, and makes no run twice", async ({ bench }) => {
  const { engine, clock } = bench;
  const task = { argv: ["true"], cwd: bench.dir } as ScheduledTask;
  await engine.store.setQueue("default", { slots: 4 });
  await addSchedule(engine, {
    ...{ name: "hourly", cron: "0 * * * *", tz: "UTC", overlap: "queue", missed: "run" },
    ...{ jitterMs: 0, task, env: {} },
  });
  const recurring = new Recurring(engine, clock.now());
  const plans = async (nextAt: string, runs: number) => {
    recurring.check();
    await until(async () => {
      const tasks = await engine.store.list({ labels: { schedule: "hourly" }, limit: 10 });
      const next = (await engine.store.schedules.get("hourly"))?.nextAt;
      return next === Date.parse(nextAt) && tasks.length === runs;
    });
  };
  clock.pass(HOUR);
  await plans("2026-05-01T14:00:00Z", 1);
  clock.jump(-HOUR);
  await plans("2026-05-01T13:00:00Z", 1);
  clock.pass(HOUR);
  await plans("2026-05-01T14:00:00Z", 1);
  clock.jump(-365 * DAY);
  await plans("2025-05-01T14:00:00Z", 1);
  clock.pass(HOUR);
  await plans("2025-05-01T15:00:00Z", 2);
  await recurring.stop();
});
