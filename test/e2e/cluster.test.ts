import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { closeHome, Home, processes, signalTo, until } from "../harness/index.ts";
import { type Postgres, postgresPrograms, startPostgres } from "../harness/postgres.ts";

let server: Postgres | undefined;
let databases = 0;

beforeAll(() => {
  if (process.platform === "linux" && postgresPrograms()) server = startPostgres({ fsync: true });
}, 60_000);
afterAll(() => server?.dispose());

interface Two {
  one: Home;
  two: Home;
  url: string;
}

/** Two homes with one store, a lease of 3 s and two slots each. */
const it = test.extend<{ cluster: Two }>({
  cluster: async ({ skip }, use) => {
    skip(server === undefined, "needs PostgreSQL 15 or later, on Linux");
    const database = `c${++databases}`;
    server?.sql("postgres", `create database ${database}`);
    const url = (server as Postgres).url(database);
    const [one, two] = [new Home(), new Home()];
    const init = await one.cli("cluster", "init", url, "--name", "one", "--slots", "2", "--lease", "3s");
    expect(init).toMatchObject({ code: 0, stdout: "this home is machine one\n" });
    const key = join(one.dir, "cluster.key");
    const join2 = ["cluster", "join", url, "--key-file", key, "--name", "two", "--slots", "2"] as const;
    expect(await two.cli(...join2)).toMatchObject({ code: 0 });
    for (const home of [one, two]) expect(await home.cli("daemon", "start")).toMatchObject({ code: 0 });
    await use({ one, two, url });
    expect([await closeHome(one), await closeHome(two)]).toEqual([[], []]);
  },
});

/** Each step is a line in the task's folder, with the machine's home and a variable. */
const counting = (steps: number) => `
  import { appendFileSync, readFileSync } from "node:fs";
  import { setTimeout as delay } from "node:timers/promises";
  import { defineTask } from "agentctl";
  export default defineTask(async (task) => {
    const file = process.env.AGENTCTL_TASK_DIR + "/lines";
    for (let n = 1; n <= ${steps}; n++)
      await task.step("step " + n, async () => {
        await delay(20);
        appendFileSync(file, [n, process.env.AGENTCTL_HOME, process.env.TOKEN, process.env.SHELL_ONLY ?? "-"].join(" ") + "\\n");
      });
    return readFileSync(file, "utf8").trim().split("\\n").map((line) => line.split(" "));
  });`;

const hasSteps = (home: Home, id: number, least: number) =>
  until(
    () => {
      const file = join(home.dir, "tasks", `${id}`, "lines");
      return existsSync(file) && readFileSync(file, "utf8").split("\n").length > least;
    },
    { message: `${least} steps of task ${id}` },
  );

/** The machine as a whole dies. */
function kill(home: Home): void {
  for (const { pid } of processes(home.root)) signalTo(pid, "SIGKILL");
}

it("pauses a task of another machine, and goes on with it here", async ({ cluster: { one, two } }) => {
  const module = one.module(counting(60));
  const id = await one.run("--on", "one", "--env", "TOKEN=secret", module, { env: { SHELL_ONLY: "mine" } });
  await hasSteps(one, id, 5);
  const [listed] = await two.json("list");
  expect(listed).toMatchObject({ id, state: "working", machine: "one" });
  expect((await two.cli("logs", `${id}`)).stderr).toContain("machine one");
  const paused = await two.json("pause", `${id}`);
  expect(paused.task).toMatchObject({ state: "suspended", machine: null, pause: { outcome: "cooperative" } });
  expect(await two.cli("resume", `${id}`, "--on", "nowhere")).toMatchObject({ code: 3 });
  expect(await two.cli("resume", `${id}`, "--on", "two")).toMatchObject({ code: 0 });
  const { result } = await one.reaches(id, "completed");
  expect(result.map(([n]: string[]) => Number(n))).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  expect(new Set(result.map(([, home]: string[]) => home))).toEqual(new Set([one.dir, two.dir]));
  expect(new Set(result.map(([, , token, shell]: string[]) => `${token} ${shell}`))).toEqual(
    new Set(["secret -"]),
  );
  expect(await one.cli("run", "--on", "nowhere", "true")).toMatchObject({ code: 3 });
});

it("freezes and cancels what works on another machine", async ({ cluster: { one, two } }) => {
  const id = await one.run("--on", "one", "sleep", "600");
  await one.reaches(id, "working");
  expect((await two.json("pause", `${id}`)).task).toMatchObject({ state: "suspended", machine: "one" });
  expect(await two.cli("resume", `${id}`)).toMatchObject({ code: 0 });
  await two.reaches(id, "working");
  expect((await two.task(id)).machine).toBe("one");
  expect(await two.cli("cancel", `${id}`)).toMatchObject({ code: 0 });
  expect((await one.task(id)).state).toBe("canceled");
  await until(() => !processes(one.root).some(({ command }) => command.includes("sleep 600")));
});

it("goes on elsewhere when a machine dies, once its lease is over", async ({ cluster: { one, two } }) => {
  const module = two.module(counting(100));
  const id = await two.run("--on", "two", module);
  await hasSteps(two, id, 5);
  // It may go anywhere from now on.
  await two.cli("pause", `${id}`);
  await two.cli("resume", `${id}`, "--on", "two");
  const anywhere = await two.run(module);
  await until(async () => (await one.task(anywhere)).state === "working");
  const { machine } = await one.task(anywhere);
  const [dead, alive] = machine === "one" ? [one, two] : [two, one];
  // A reaper first has a whole lease of its own.
  await until(async () => (await alive.task(anywhere)).runMs > 0);
  kill(dead);
  const done = await alive.reaches(anywhere, "completed", 60_000);
  expect(done.result.map(([n]: string[]) => Number(n)).at(-1)).toBe(100);
  const states = await alive.json("machine", "list");
  expect(states.find(({ name }: { name: string }) => name === machine).state).toBe("lost");
});

it("hands over at a stop, and keeps others out", async ({ cluster: { one, two, url } }) => {
  const id = await one.run("--on", "one", one.module(counting(200)));
  await hasSteps(one, id, 3);
  await one.cli("pause", `${id}`);
  const stranger = new Home();
  writeFileSync(stranger.file("key"), `${Buffer.alloc(32).toString("base64")}\n`);
  const joining = ["cluster", "join", url, "--key-file", stranger.file("key")] as const;
  expect(await stranger.cli(...joining)).toMatchObject({ code: 6 });
  const taken = await two.cli(
    "cluster",
    "join",
    url,
    "--key-file",
    join(one.dir, "cluster.key"),
    "--name",
    "one",
  );
  expect(taken.code).toBe(4);
  const third = await stranger.cli(
    "cluster",
    "join",
    url,
    "--key-file",
    join(one.dir, "cluster.key"),
    "--name",
    "one",
  );
  expect(third).toMatchObject({ code: 6 });
  const free = await one.run(one.module(counting(200)));
  await until(async () => (await two.task(free)).state === "working");
  const { machine } = await two.task(free);
  const [stopped, other] = machine === "one" ? [one, two] : [two, one];
  expect(await stopped.cli("daemon", "stop")).toMatchObject({ code: 0 });
  await until(async () => (await other.task(free)).state === "working");
  expect((await other.task(free)).machine).not.toBe(machine);
  await closeHome(stranger);
});
