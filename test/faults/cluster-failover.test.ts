/** What happens to tasks while one database server takes over from another. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../harness/index.ts";
import { type Postgres, postgresPrograms, startPostgres } from "../harness/postgres.ts";
import { type Machine, Machines, startServer } from "./cluster/machines.ts";
import { notesIn } from "./facts.ts";
import { type Does, moduleTask } from "./fixtures.ts";

const PATIENT = { deadlineMs: 60_000, everyMs: 50 };
/** How long the server is a standby that refuses writes, in ms. */
const STANDBY_MS = 2000;

const does: Does = Array.from({ length: 2000 }, () => ["step", 50]);

/** Waits until a task has written at least 4 more notes. */
async function goesOn({ home }: Machine, id: number): Promise<void> {
  const count = () => notesIn(`${home.file("witness")}/${id}`).length;
  const before = count();
  await until(() => count() >= before + 4, { ...PATIENT, message: `task ${id} going on` });
}

test("tasks and requests wait until a standby is promoted, and no request is refused", async ({ skip }) => {
  skip(postgresPrograms() === undefined, "needs PostgreSQL 15 or later, on Linux");
  const primary = await startServer();
  onTestFinished(() => primary.dispose());
  const machines = await Machines.make(primary, { count: 2, lease: "6s", slots: 2 });
  const standby: Postgres = await startPostgres({ fsync: true, standbyOf: primary });
  onTestFinished(() => standby.dispose());
  onTestFinished(async () => expect(await machines.close()).toEqual([]));
  const [one, two] = machines.all as [Machine, Machine];
  for (const { home } of [one, two]) expect(await home.cli("daemon", "start")).toMatchObject({ code: 0 });
  const task = { cwd: one.home.work, env: {}, on: ["m1"], ...moduleTask(one.home, does) };
  const { id } = (await one.home.rpc("tasks/create", task)).task;
  await goesOn(one, id);

  for (const { way } of [one, two]) way.leadTo(standby);
  await primary.stop();
  const paused = two.home.cli("pause", `${id}`);
  const listed = two.home.cli("list");
  await sleep(STANDBY_MS);
  const status = await one.home.cli("cluster", "status");
  expect(status).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/takes no writes: the server is a standby\n +promote it/),
  });
  standby.sql("postgres", "select pg_promote()");
  expect(await paused).toMatchObject({ code: 0, stdout: expect.stringMatching(/^task 1 paused/) });
  expect(await listed).toMatchObject({ code: 0 });
  expect(await one.home.cli("resume", `${id}`)).toMatchObject({ code: 0 });
  await goesOn(one, id);
  expect(await two.home.task(id)).toMatchObject({ state: "working", machine: "m1" });
}, 240_000);
