/** Brief steps are made durable by their host, without a wait for the daemon; whoever dies, none is lost and none runs again. */
import { readdirSync } from "node:fs";
import { expect } from "vitest";
import { type Home, isAlive, it, needsOwnStore, signalTo, sqlite, until } from "../harness/index.ts";
import { meanwhile, noted, notes, open, pidOf, running, taskModule, upTo } from "./story.ts";

const COUNT = 1500;

/** Counts in steps of no duration; waits once behind the step that the input names, until the file `go` is there. */
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

/** How many steps the store has. */
const stored = (home: Home, id: number) =>
  sqlite(home, "select count(*) as count from steps where task_id = ?", [id])[0].count as number;

const stepFiles = (home: Home) => readdirSync(`${home.dir}/run`).filter((name) => name.endsWith(".steps"));

const run = (home: Home, stop?: number) =>
  home.run(home.module(counting), "--input", JSON.stringify({ stop }));

it("all are there when the task has ended, in their order, and their file is gone", async ({ home }) => {
  const id = await run(home);
  expect((await home.reaches(id, "completed", 30_000)).result).toBe("counted");
  const { steps } = await home.json("show", `${id}`);
  expect(steps.map(({ n }: { n: number }) => n)).toEqual(Array.from({ length: COUNT }, (_, n) => n));
  expect(notes(home)).toEqual(upTo(COUNT));
  await until(() => stepFiles(home).length === 0);
});

it("a module that waits has all of them in the store, and show says so", async ({ home }) => {
  needsOwnStore(home, "a step of a cluster is in its database at once");
  const id = await run(home, 700);
  await noted(home, 700, "acknowledged");
  expect(stepFiles(home)).toHaveLength(1);
  await until(() => stored(home, id) === 700);
  expect((await home.json("show", `${id}`)).steps).toHaveLength(700);
  open(home);
  await home.reaches(id, "completed", 30_000);
});

it("a pause in their midst stores all that were acknowledged, and the next attempt runs none again", async ({
  home,
}) => {
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

it("a freeze stores all of them, and the task runs all again from the start", async ({ home }) => {
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

it("those of a host that was killed are kept", async ({ home }) => {
  const id = await home.run("--retries", "1", "--backoff", "1ms", home.module(counting), "--input", "{}");
  await noted(home, 400, "acknowledged");
  signalTo(await pidOf(home, id), "SIGKILL");
  expect(await home.reaches(id, "completed", 30_000)).toMatchObject({ attempt: 2 });
  expectEachOnce(home);
});

it("a daemon that comes after one was killed takes what its module did meanwhile", async ({ home }) => {
  const id = await run(home);
  await noted(home, 100, "acknowledged");
  await home.killDaemon();
  await home.cli("daemon", "start");
  expect(await home.reaches(id, "completed", 30_000)).toMatchObject({ attempt: 1 });
  expect(notes(home)).toEqual(upTo(COUNT));
  expect(stored(home, id)).toBe(COUNT);
});

it("those of a host that was killed with its daemon are kept", async ({ home }) => {
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

it("a checkpoint stands behind those that were acknowledged before it", async ({ home }) => {
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

it("are kept whatever the module makes of the clock", async ({ home }) => {
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

it("are the journal of a host that begins, also where nothing else says that another was there", async ({
  home,
}) => {
  // Its host is one that waited for it.
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
  // As far as it comes: on a busy machine one of its steps lasts, and waits for a daemon.
  await until(() => acknowledged(home) >= 150, { deadlineMs: 2_000 }).catch(() => undefined);
  signalTo(host, "SIGKILL");
  await until(() => !isAlive(host));
  sqlite(home, "update attempts set said_hello = 0");
  open(home);
  await home.cli("daemon", "start");
  await home.reaches(id, "completed", 30_000);
  expectEachOnce(home);
});

/** Only the one that was cut short between its effect and its acknowledgement has run again. */
function expectEachOnce(home: Home): void {
  const ran = notes(home);
  const again = ran.filter((n, at) => ran.indexOf(n) !== at);
  expect(again.length).toBeLessThanOrEqual(1);
  expect([...new Set(ran)]).toEqual(upTo(COUNT));
  expect(notes(home, "acknowledged")).toEqual(expect.arrayContaining(again));
  expect(new Set(notes(home, "acknowledged")).size).toBe(acknowledged(home));
}
