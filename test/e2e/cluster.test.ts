import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { closeHome, Home, processes, signalTo, until } from "../harness/index.ts";
import { counting, it, PATIENT, withServer } from "./cluster-story.ts";

withServer();

type Line = [n: string, home: string, token: string, shell: string];

/** Checks that each step ran once, and that its homes came in this order. */
function expectEachOnce(lines: Line[], homes: Home[]): void {
  expect(lines.map(([n]) => Number(n))).toEqual(lines.map((_, at) => at + 1));
  expect([...new Set(lines.map(([, home]) => home))]).toEqual(homes.map(({ dir }) => dir));
}

/** Waits until at least three steps ran there. All but the last are acknowledged. */
async function stepsOn(home: Home, id: number): Promise<void> {
  const file = join(home.dir, "tasks", `${id}`, "lines");
  const lines = () => (existsSync(file) ? readFileSync(file, "utf8").split("\n") : []);
  const areDone = () => lines().filter((line) => line.includes(home.dir)).length >= 3;
  await until(areDone, { ...PATIENT, message: `steps of task ${id} in ${home.dir}` });
}

/** Waits until a task works on a machine other than `besides`, and returns that machine. */
async function machineOf(home: Home, id: number, besides?: string): Promise<string> {
  const found = async () => {
    const { state, machine } = await home.task(id);
    return state === "working" && machine !== besides && machine;
  };
  return await until(found, { ...PATIENT, message: `task ${id} working, not on ${besides}` });
}

it("controls tasks from any machine, and hands them over when a daemon stops", async ({ cluster }) => {
  const { one, two } = cluster;
  const enough = one.file("enough");
  const module = one.module(counting);
  const given = ["--env", "TOKEN=secret", "--input", JSON.stringify(enough), module] as const;
  const id = await one.run("--on", "one", ...given, { env: { SHELL_ONLY: "mine" } });
  await stepsOn(one, id);
  expect((await two.json("list"))[0]).toMatchObject({ id, state: "working", machine: "one" });
  expect((await two.cli("list")).stdout).toMatch(/MACHINE.*\n.* one /);
  const listed = async (...words: string[]) =>
    (await two.json("list", ...words)).map((task: { id: number }) => task.id);
  expect([await listed("--on", "one"), await listed("--on", "two")]).toEqual([[id], []]);
  expect(await two.cli("list", "--on", "nowhere")).toMatchObject({ code: 3 });
  expect((await two.cli("show", `${id}`)).stdout).toMatch(/machine +one.*attempt 1[^\n]* on one/s);
  const { task } = await two.json("pause", `${id}`);
  expect(task).toMatchObject({ state: "suspended", machine: null, pause: { outcome: "cooperative" } });
  expect(await two.cli("resume", `${id}`, "--on", "nowhere")).toMatchObject({ code: 3 });
  expect(await two.cli("resume", `${id}`, "--on", "two")).toMatchObject({ code: 0 });
  await stepsOn(two, id);

  const sleeper = await two.run("--on", "one", "sleep", "600");
  await one.reaches(sleeper, "working", PATIENT.deadlineMs);
  expect((await two.json("pause", `${sleeper}`)).task).toMatchObject({ state: "suspended", machine: "one" });
  expect(await two.cli("resume", `${sleeper}`)).toMatchObject({ code: 0 });
  expect(await machineOf(two, sleeper)).toBe("one");
  expect(await two.cli("cancel", `${sleeper}`)).toMatchObject({ code: 0 });
  expect((await one.task(sleeper)).state).toBe("canceled");
  await until(() => !processes(one.root).some(({ command }) => command.includes("sleep 600")), PATIENT);

  const pressed = await one.run(
    "--on",
    "one",
    "sh",
    "-c",
    "trap 'exit 0' TERM; touch on; while :; do sleep 0.05; done",
  );
  await until(() => existsSync(one.file("on")), PATIENT);
  expect(await one.cli("pause", `${pressed}`)).toMatchObject({ code: 0 });
  expect(await one.cli("pause", `${pressed}`, "--mode", "checkpoint")).toMatchObject({ code: 4 });
  expect((await two.task(pressed)).state).toBe("completed");

  const free = await one.run(...given);
  const before = await machineOf(one, free);
  const [stopped, other] = before === "one" ? [one, two] : [two, one];
  await stepsOn(stopped, free);
  expect(await stopped.cli("daemon", "stop")).toMatchObject({ code: 0 });
  await machineOf(other, free, before);
  await stepsOn(other, free);
  const attempts = (await other.json("show", `${free}`)).attempts.map(
    ({ outcome }: { outcome: string }) => outcome,
  );
  expect(attempts).not.toContain("lost");

  writeFileSync(enough, "");
  expect(await stopped.cli("daemon", "start")).toMatchObject({ code: 0 });
  for (const [each, homes] of [
    [id, [one, two]],
    [free, [stopped, other]],
  ] as const) {
    const { result } = await one.reaches(each, "completed", PATIENT.deadlineMs);
    expectEachOnce(result, [...homes]);
    const variables = result.map(([, , token, shell]: Line) => `${token} ${shell}`);
    expect(new Set(variables)).toEqual(new Set(["secret -"]));
  }
}, 240_000);

it("continues the task of a dead machine, and refuses machines that may not join", async ({ cluster }) => {
  const { one, two, url, key } = cluster;
  const enough = one.file("enough");
  const id = await one.run("--input", JSON.stringify(enough), one.module(counting));
  const dead = await machineOf(one, id);
  const [gone, alive] = dead === "one" ? [one, two] : [two, one];
  await stepsOn(gone, id);
  const first = (await gone.task(id)).attempt;
  for (const { pid } of processes(gone.root)) signalTo(pid, "SIGKILL");

  const stranger = new Home();
  writeFileSync(stranger.file("key"), `${Buffer.alloc(32).toString("base64")}\n`);
  const join = (home: Home, file: string) =>
    home.cli("cluster", "join", url, "--key-file", file, "--name", "one");
  expect(await join(stranger, stranger.file("key"))).toMatchObject({ code: 6 });
  expect(await join(stranger, key)).toMatchObject({ code: 6 });
  expect(await join(alive, key)).toMatchObject({ code: 4 });
  await closeHome(stranger);
  expect(await alive.cli("run", "--on", "nowhere", "true")).toMatchObject({ code: 3 });

  await machineOf(alive, id, dead);
  await stepsOn(alive, id);
  const states = async () => {
    const machines: { name: string; state: string }[] = await alive.json("machine", "list");
    return machines.find(({ name }) => name === dead)?.state;
  };
  expect(await states()).toBe("lost");
  writeFileSync(enough, "");
  const { result, attempt } = await alive.reaches(id, "completed", PATIENT.deadlineMs);
  expect(attempt).toBe(first + 1);
  // The task's folder was on the machine that died; its journal is in the store.
  expect(Number(result[0][0])).toBeGreaterThan(2);
  expect(await gone.cli("daemon", "start")).toMatchObject({ code: 0 });
  expect(await states()).toBe("up");
}, 240_000);

it("answers pauses that arrive while a freeze is being recorded", async ({ cluster: { one } }) => {
  const id = await one.run(
    "--on",
    "one",
    "--input",
    JSON.stringify(one.file("enough")),
    one.module(counting),
  );
  for (let round = 0; round < 30; round++) {
    await one.reaches(id, "working", PATIENT.deadlineMs);
    const calls = Array.from({ length: 40 }, async (_, at) => {
      await new Promise((resolve) => setTimeout(resolve, at));
      const { task } = await one.rpc("tasks/pause", { id, ...(at === 0 ? { mode: "freeze" } : {}) }, 30_000);
      return [task.state, task.pause.outcome];
    });
    // A pause that has read the task before the freeze was recorded must not ask the stopped process.
    expect(await Promise.all(calls)).toEqual(calls.map(() => ["suspended", "frozen"]));
    await one.rpc("tasks/resume", { id });
  }
});
