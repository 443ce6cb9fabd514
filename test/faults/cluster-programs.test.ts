/** Many short programs on three machines. Each runs once, within the slots, and a follower gets all events in order. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../harness/index.ts";
import { type Postgres, postgresPrograms } from "../harness/postgres.ts";
import { type Machine, Machines, startServer } from "./cluster/machines.ts";
import { violationsOf } from "./cluster/rules.ts";
import { shellTask } from "./fixtures.ts";

/** To run it by hand: `npm run walk -- --cluster --programs 1000`. */
const PROGRAMS = Number(process.env.AGENTCTL_CLUSTER_PROGRAMS ?? 0);
const LIMITS = { queues: { default: 4 }, machine: 2 };
const PATIENT = { deadlineMs: 60_000 + PROGRAMS * 1000, everyMs: 100 };

let server: Postgres | undefined;
beforeAll(async () => {
  if (PROGRAMS > 0 && postgresPrograms()) server = await startServer();
}, 120_000);
afterAll(() => server?.dispose());

test(`three machines run ${PROGRAMS} programs once each, within their slots`, {
  timeout: PATIENT.deadlineMs + 120_000,
}, async ({ skip }) => {
  skip(PROGRAMS === 0, "by hand: npm run walk -- --cluster --programs 1000");
  skip(server === undefined, "needs PostgreSQL 15 or later, on Linux");
  const machines = await Machines.make(server as Postgres, { count: 3, lease: "60s", slots: LIMITS.machine });
  let left = ["it broke off"];
  try {
    await runAll(machines);
  } finally {
    left = await machines.close();
  }
  expect(left).toEqual([]);
});

async function runAll(machines: Machines): Promise<void> {
  const all = machines.all as [Machine, Machine, Machine];
  for (const { home } of all) expect(await home.cli("daemon", "start")).toMatchObject({ code: 0 });
  const [{ home: first }, { home: second }] = all;
  await first.rpc("queues/set", { name: "default", slots: LIMITS.queues.default });
  const follower = await second.connect();
  await follower.request("tasks/subscribe", { after: 0 });

  const began = performance.now();
  const file = first.file("ran");
  const submit = async ({ home }: Machine, n: number) => {
    const { argv } = shellTask(first, `echo ${n} >>${file}`);
    return (await home.rpc("tasks/create", { argv, cwd: first.work, env: {} })).task.id as number;
  };
  const ids: number[] = [];
  for (let n = 0; n < PROGRAMS; n += all.length) {
    const some = all.slice(0, PROGRAMS - n);
    ids.push(...(await Promise.all(some.map((machine, at) => submit(machine, n + at)))));
  }
  const open = async () =>
    Number((await machines.rows("select count(*) as n from tasks where ended_at is null"))[0]?.n);
  await until(async () => (await open()) === 0, { ...PATIENT, message: "the end of every program" });
  const seconds = (performance.now() - began) / 1000;

  const ran = readFileSync(file, "utf8").trim().split("\n").map(Number);
  expect(ran.sort((a, b) => a - b)).toEqual(Array.from({ length: PROGRAMS }, (_, n) => n));
  expect(await violationsOf(machines, { ids }, LIMITS)).toEqual([]);
  const share = await machines.rows(
    "select machine, count(*) as n from attempts group by machine order by machine",
  );
  expect(share.map(({ machine }) => machine)).toEqual(["m1", "m2", "m3"]);
  const [{ seq: last } = { seq: 0 }] = await machines.rows("select max(seq) as seq from events");
  const heard = () =>
    follower.inbox.flatMap(({ method, params }) => (method === "event" ? [params.seq as number] : []));
  await until(() => heard().length >= last, { ...PATIENT, message: "the last event" });
  expect(heard()).toEqual(Array.from({ length: last }, (_, n) => n + 1));
  const shares = share.map(({ machine, n }) => `${machine} ${n}`).join(", ");
  process.stderr.write(`${PROGRAMS} programs in ${seconds.toFixed(1)} s: ${shares}; ${last} events\n`);
}
