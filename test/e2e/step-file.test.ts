/**
 * The host makes brief steps durable without waiting for the daemon. Whatever dies, no step is lost and none runs
 * again.
 */
import { readdirSync } from "node:fs";
import { expect } from "vitest";
import { type Home, isAlive, it, needsOwnStore, signalTo, sqlite, until } from "../harness/index.ts";
import { meanwhile, noted, notes, open, pidOf, running, taskModule, upTo } from "./story.ts";

const COUNT = 1500;

/** Counts in very brief steps. Waits once, after the step `input.stop`, for the file `go`. */
const counting = taskModule(`
  for (let n = 1; n <= ${COUNT}; n++) {
    let isRun = false;
    await task.step("count", () => { note(n); isRun = true; return n; });
    if (isRun) appendFileSync("acknowledged", n + "\\n");
    if (n === input.stop) await gate("go");
  }
  return "counted";
`);

const acknowledged = (home: Home) => notes(home, "acknowledged").length;

/** The number of steps in the store. */
const stored = (home: Home, id: number) =>
  sqlite(home, "select count(*) as count from steps where task_id = ?", [id])[0].count as number;

const stepFiles = (home: Home) => readdirSync(`${home.dir}/run`).filter((name) => name.endsWith(".steps"));

const run = (home: Home, stop?: number) =>
  home.run(home.module(counting), "--input", JSON.stringify({ stop }));

it("stores all steps in order by the end of the task, and deletes their file", async ({ home }) => {
  const id = await run(home);
  expect((await home.reaches(id, "completed", 30_000)).result).toBe("counted");
  const { steps } = await home.json("show", `${id}`);
  expect(steps.map(({ n }: { n: number }) => n)).toEqual(Array.from({ length: COUNT }, (_, n) => n));
  expect(notes(home)).toEqual(upTo(COUNT));
  await until(() => stepFiles(home).length === 0);
});

it("stores all steps of a waiting module, and show lists them", async ({ home }) => {
  needsOwnStore(home, "a step of a cluster is in its database at once");
  const id = await run(home, 700);
  await noted(home, 700, "acknowledged");
  expect(stepFiles(home)).toHaveLength(1);
  await until(() => stored(home, id) === 700);
  expect((await home.json("show", `${id}`)).steps).toHaveLength(700);
  open(home);
  await home.reaches(id, "completed", 30_000);
});

it("stores all acknowledged steps at a pause, and runs none of them again", async ({ home }) => {
  const id = await run(home);
  for (let count = 100; count <= 900; count += 400) {
    await noted(home, count, "acknowledged");
    expect((await home.cli("pause", `${id}`)).code).toBe(0);
    expect(stored(home, id)).toBe(notes(home).length);
    await home.cli("resume", `${id}`);
  }
  expect(await home.reaches(id, "completed", 30_000)).toMatchObject({ attempt: 4 });
  expect(notes(home)).toEqual(upTo(COUNT));
});

it("stores all steps at a freeze, and runs all of them again with --from-start", async ({ home }) => {
  const id = await run(home);
  await noted(home, 300, "acknowledged");
  await home.cli("pause", `${id}`, "--mode", "freeze");
  expect(stored(home, id)).toBeGreaterThanOrEqual(acknowledged(home));
  await home.killDaemon();
  await home.cli("resume", `${id}`, "--from-start");
  await home.reaches(id, "completed", 30_000);
  expect(notes(home).slice(-COUNT)).toEqual(upTo(COUNT));
  expect(stored(home, id)).toBe(COUNT);
});

it("keeps the steps of a host that was killed", async ({ home }) => {
  const id = await home.run("--retries", "1", "--backoff", "1ms", home.module(counting), "--input", "{}");
  await noted(home, 400, "acknowledged");
  signalTo(await pidOf(home, id), "SIGKILL");
  expect(await home.reaches(id, "completed", 30_000)).toMatchObject({ attempt: 2 });
  expectEachOnce(home);
});

it("stores the steps that a module ran while no daemon was there", async ({ home }) => {
  const id = await run(home);
  await noted(home, 100, "acknowledged");
  await home.killDaemon();
  await home.cli("daemon", "start");
  expect(await home.reaches(id, "completed", 30_000)).toMatchObject({ attempt: 1 });
  expect(notes(home)).toEqual(upTo(COUNT));
  expect(stored(home, id)).toBe(COUNT);
});

it("keeps the steps of a host that was killed after its daemon", async ({ home }) => {
  const id = await run(home);
  await noted(home, 300, "acknowledged");
  const host = await pidOf(home, id);
  await home.killDaemon();
  signalTo(host, "SIGKILL");
  await until(() => !isAlive(host));
  await home.cli("daemon", "start");
  expect(await home.reaches(id, "completed", 30_000)).toMatchObject({ attempt: 2, pause: { cause: "lost" } });
  expectEachOnce(home);
});

it("places a checkpoint after the steps that were acknowledged before it", async ({ home }) => {
  const source = taskModule(`
    for (let n = 1; n <= 90; n++) {
      await task.step("count", () => { note(n); return n; });
      if (n % 30 === 0) await task.save(n);
    }
    await gate("go");`);
  const id = await home.run(home.module(source));
  await until(async () => (await home.task(id)).checkpoint?.seq === 3);
  await home.cli("pause", `${id}`, "--grace", "0s");
  await home.cli("resume", `${id}`, "--from", "2");
  open(home);
  await home.reaches(id, "completed");
  expect(notes(home)).toEqual([...upTo(90), ...upTo(90).slice(60)]);
});

it("keeps steps even if the module changes the clock", async ({ home }) => {
  const source = taskModule(`
    const real = Date.now;
    Date.now = () => real() + 0.25;
    globalThis.setImmediate = () => undefined;
    for (let n = 1; n <= 60; n++) await task.step("count", () => n);
    Date.now = () => Number.NaN;
    for (let n = 1; n <= 60; n++) await task.step("later", () => n);
    return "counted";`);
  const id = await home.run(home.module(source));
  expect((await home.reaches(id, "completed")).result).toBe("counted");
  expect(stored(home, id)).toBe(120);
});

it("reads the journal of an earlier host even if nothing else shows that there was one", async ({ home }) => {
  // The host of the counting task is then one that was started ahead.
  const first = await home.run(home.module(taskModule('await gate("first");'), "first.ts"));
  await until(() => running(home, "host.mjs").length === 2);
  await meanwhile(home, 0.5);
  open(home, "first");
  await home.reaches(first, "completed");
  const id = await run(home, 300);
  await noted(home, 100, "acknowledged");
  expect(sqlite(home, "select run_key from attempts where task_id = ?", [id])[0].run_key).toMatch(/^host\./);
  const host = await pidOf(home, id);
  await home.killDaemon();
  // As far as it gets: on a busy machine one of its steps takes long and waits for a daemon.
  await until(() => acknowledged(home) >= 150, { deadlineMs: 2_000 }).catch(() => undefined);
  signalTo(host, "SIGKILL");
  await until(() => !isAlive(host));
  sqlite(home, "update attempts set said_hello = 0");
  open(home);
  await home.cli("daemon", "start");
  await home.reaches(id, "completed", 30_000);
  expectEachOnce(home);
});

/** Checks that only a step cut short between its effect and its acknowledgement has run again. */
function expectEachOnce(home: Home): void {
  const ran = notes(home);
  const again = ran.filter((n, at) => ran.indexOf(n) !== at);
  expect(again.length).toBeLessThanOrEqual(1);
  expect([...new Set(ran)]).toEqual(upTo(COUNT));
  expect(notes(home, "acknowledged")).toEqual(expect.arrayContaining(again));
  expect(new Set(notes(home, "acknowledged")).size).toBe(acknowledged(home));
}
