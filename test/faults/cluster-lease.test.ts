/** What happens to the tasks of a machine that cannot renew its lease, or of which only the daemon dies. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { uptime } from "../../src/daemon/cluster/lease-file.ts";
import { type Home, until } from "../harness/index.ts";
import { type Postgres, postgresPrograms } from "../harness/postgres.ts";
import { killAll, type Machine, Machines, startServer } from "./cluster/machines.ts";
import { violationsOf } from "./cluster/rules.ts";
import { notesIn } from "./facts.ts";
import { type Does, moduleTask, shellTask } from "./fixtures.ts";
import { bearers } from "./processes-of-tasks.ts";

const PATIENT = { deadlineMs: 60_000, everyMs: 50 };
const LEASE_MS = 6000;
const LIMITS = { queues: { default: 1000 }, machine: 2 };

let server: Postgres | undefined;
beforeAll(async () => {
  if (postgresPrograms()) server = await startServer();
}, 120_000);
afterAll(() => server?.dispose());

interface Pair {
  machines: Machines;
  one: Machine;
  two: Machine;
}

/** Two machines, with a lease long enough for a busy host. No daemon runs yet. */
const it = test.extend<{ pair: Pair }>({
  pair: async ({ skip }, use) => {
    skip(server === undefined, "needs PostgreSQL 15 or later, on Linux");
    const machines = await Machines.make(server as Postgres, { count: 2, lease: `${LEASE_MS}ms`, slots: 2 });
    const [one, two] = machines.all as [Machine, Machine];
    try {
      await use({ machines, one, two });
    } finally {
      expect(await machines.close()).toEqual([]);
    }
  },
});

async function start({ home }: Machine): Promise<void> {
  expect(await home.cli("daemon", "start")).toMatchObject({ code: 0 });
}

const does: Does = Array.from({ length: 2000 }, () => ["step", 50]);

/** Submits a module with more steps than a test waits for. Its notes are on the first machine, wherever it runs. */
async function submit({ home }: Machine): Promise<number> {
  return (await home.rpc("tasks/create", { cwd: home.work, env: {}, ...moduleTask(home, does) })).task.id;
}

const notes = ({ home }: Machine, id: number) => notesIn(`${home.file("witness")}/${id}`);

/** Waits until an attempt has written at least 4 more notes. */
async function goesOn(one: Machine, id: number, attempt: number): Promise<void> {
  const count = () => notes(one, id).filter((note) => note.attempt === attempt).length;
  const before = count();
  await until(() => count() >= before + 4, { ...PATIENT, message: `attempt ${attempt} going on` });
}

/** Returns the home's processes of tasks that are not stopped, without guards. */
const running = (home: Home) =>
  bearers(home).filter(({ state, command }) => state !== "T" && !/guard/.test(command));

it("a machine stops its tasks without a lease, continues them with it, and kills those that others took", async ({
  pair,
}) => {
  const { machines, one, two } = pair;
  await start(one);
  const id = await submit(one);
  await goesOn(one, id, 1);
  const token = bearers(one.home).find(({ command }) => command.includes("host.mjs"))?.token;

  // No other machine is there to take over the task.
  one.way.hold();
  await until(() => running(one.home).length === 0, { ...PATIENT, message: "the tree stopped" });
  one.way.heal();
  await goesOn(one, id, 1);

  await start(two);
  one.way.hold();
  await goesOn(one, id, 2);
  expect(running(one.home)).toEqual([]);
  expect(await two.home.task(id)).toMatchObject({ state: "working", attempt: 2, machine: "m2" });
  one.way.heal();
  await until(() => bearers(one.home).length === 0, { ...PATIENT, message: "the end of what others took" });
  const states = async () =>
    (await machines.rows("select is_lost from machines order by name")).map((m) => m.is_lost);
  await until(async () => `${await states()}` === "0,0", { ...PATIENT, message: "a new lease" });
  const hello = one.home.rpc("attempt/hello", { token, sdk: "test" });
  await expect(hello).rejects.toMatchObject({ data: { name: "StaleAttempt" } });
  await goesOn(one, id, 2);
  expect(await violationsOf(machines, { ids: [id] }, LIMITS)).toEqual([]);
}, 240_000);

it("the fuse kills the trees of a dead daemon before another machine starts them", async ({ pair }) => {
  const { machines, one, two } = pair;
  await start(one);
  const id = await submit(one);
  await goesOn(one, id, 1);
  await start(two);
  await one.home.killDaemon();
  const hasBegun = () => notes(one, id).some(({ attempt }) => attempt === 2);
  await until(hasBegun, { ...PATIENT, message: "attempt 2" });
  expect(running(one.home)).toEqual([]);
  await goesOn(one, id, 2);
  const outcomes = await machines.rows("select outcome from attempts order by n");
  expect(outcomes.map(({ outcome }) => outcome)).toEqual(["lost", null]);
  expect(await violationsOf(machines, { ids: [id] }, LIMITS)).toEqual([]);
}, 240_000);

it("every attempt continues after the database was away for longer than a lease", async ({ pair }) => {
  const { machines, one, two } = pair;
  const { stop, start: startDatabase } = server as Postgres;
  await stop();
  try {
    const stderr = expect.stringContaining("the database cannot be reached");
    expect(await one.home.cli("daemon", "start")).toMatchObject({ code: 6, stderr });
  } finally {
    await startDatabase();
  }
  for (const each of [one, two]) await start(each);
  const ids = [await submit(one), await submit(one), await submit(one), await submit(one)];
  for (const id of ids) await goesOn(one, id, 1);
  await stop("immediate");
  try {
    const areStill = () => [one, two].every(({ home }) => running(home).length === 0);
    await until(areStill, { ...PATIENT, message: "the trees stopped" });
    // Longer than the rest of the lease.
    await sleep(LEASE_MS);
  } finally {
    await startDatabase();
  }
  for (const id of ids) await goesOn(one, id, 1);
  expect(await violationsOf(machines, { ids }, LIMITS)).toEqual([]);
}, 240_000);

it("tasks of a machine with --takeover never keep running, and no other machine takes them", async ({
  pair,
}) => {
  const { machines, one, two } = pair;
  await start(one);
  expect(await one.home.cli("machine", "set", "m1", "--takeover", "never")).toMatchObject({ code: 0 });
  const script = "while :; do note tick; sleep 0.05; done";
  const task = { cwd: one.home.work, env: {}, onLost: "resume", ...shellTask(one.home, script) };
  const { id } = (await one.home.rpc("tasks/create", task)).task;
  await goesOn(one, id, 1);
  await start(two);

  // The task goes on without the database, however long it is away.
  one.way.hold();
  const end = performance.now() + 2.5 * LEASE_MS;
  while (performance.now() < end) {
    await goesOn(one, id, 1);
    await sleep(100);
  }
  expect(await two.home.task(id)).toMatchObject({ state: "working", attempt: 1, machine: "m1" });
  one.way.heal();
  await until(async () => (await one.home.task(id)).state === "working", PATIENT);
  await goesOn(one, id, 1);

  // No other machine takes the tasks while the first one is off.
  await killAll(one);
  const stateOfOne = async () => (await two.home.json("machine", "list"))[0].state;
  await until(async () => (await stateOfOne()) === "away", { ...PATIENT, message: "the end of its lease" });
  await sleep(LEASE_MS);
  expect(await two.home.task(id)).toMatchObject({ state: "working", attempt: 1, machine: "m1" });
  expect(bearers(two.home)).toEqual([]);
  await start(one);
  // The task has no checkpoint to continue from, so it waits for a person to decide.
  await until(async () => (await one.home.task(id)).error?.name === "CheckpointNotFound", PATIENT);
  await sleep(1000);
  const told = await machines.rows("select cause from events where task_id = $1 order by seq", [id]);
  expect(told.map(({ cause }) => cause)).toEqual(["run", "start", "lost", "cannot-resume"]);
  expect(await violationsOf(machines, { ids: [id] }, LIMITS)).toEqual([]);
}, 240_000);

it("a daemon connects again if the network silently drops some of its connections", async ({
  pair: { one },
}) => {
  await start(one);
  const id = await submit(one);
  await goesOn(one, id, 1);
  for (const name of ["reader", "writer", "relay", "files"]) one.way.forget(`agentctl m1 ${name}`);
  expect(await one.home.cli("list")).toMatchObject({ code: 0, stdout: expect.stringContaining("working") });
  const { code, stdout } = await one.home.cli("run", "--wait", "true");
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^2$/m) });
  await goesOn(one, id, 1);
}, 120_000);

it("a jump of the database's clock takes no task from a machine that renews its lease", async ({ pair }) => {
  const { machines, one, two } = pair;
  await start(one);
  const id = await submit(one);
  await goesOn(one, id, 1);
  await start(two);
  // After this time, the second machine checks for lost machines.
  await sleep(LEASE_MS + 1000);
  const end = performance.now() + LEASE_MS / 2;
  while (performance.now() < end) {
    await machines.rows("update machines set lease_until = lease_until - interval '1 hour'");
    await sleep(20);
  }
  // Neither machine had to begin another lease.
  expect(await machines.rows("select epoch, is_lost from machines")).toEqual([
    { epoch: 1, is_lost: 0 },
    { epoch: 1, is_lost: 0 },
  ]);
  await goesOn(one, id, 1);
  expect(await two.home.task(id)).toMatchObject({ state: "working", attempt: 1, machine: "m1" });
}, 120_000);

test("a renewal of the lease that is answered late does not set off the fuse", async ({ skip }) => {
  skip(server === undefined, "needs PostgreSQL 15 or later, on Linux");
  const machines = await Machines.make(server as Postgres, { count: 1, lease: "3s", slots: 2 });
  onTestFinished(async () => expect(await machines.close()).toEqual([]));
  const [one] = machines.all as [Machine];
  await start(one);
  const id = await submit(one);
  /** Whether the fuse would act: the lease is over and the trees are not stopped. */
  const isBurning = () => {
    const [until, , state] = readFileSync(join(one.home.dir, "lease"), "utf8").trim().split(" ");
    return state !== "still" && Number(until) < uptime() * 100;
  };
  for (const heldMs of [3600, 4000, 4400]) {
    await goesOn(one, id, 1);
    one.way.hold();
    await sleep(heldMs);
    one.way.heal();
    const end = performance.now() + 1000;
    while (performance.now() < end) {
      expect(isBurning()).toBe(false);
      await sleep(2);
    }
  }
  await goesOn(one, id, 1);
}, 120_000);
