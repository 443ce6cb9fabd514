import { expect } from "vitest";
import { it, until } from "../harness/index.ts";
import { noted, oneSlot, open, taskModule, twelveSteps } from "./story.ts";

const ofTask =
  "id uuid name kind state held waiting queue priority labels argv module cwd after attempt maxAttempts progress pid createdAt startedAt updatedAt endedAt runMs pausedMs pause checkpoint question exitCode signal result error".split(
    " ",
  );
const keysOf = (value: object) => Object.keys(value).sort();

it("returns every key of the contract with the lists of a task, and null for keys that do not apply", async ({
  home,
}) => {
  const id = await home.run("--hold", "true");
  const shown = await home.json("show", `${id}`);
  for (const key of ofTask) expect(shown, key).toHaveProperty(key);
  for (const list of ["attempts", "checkpoints", "steps", "events"])
    expect(shown[list]).toBeInstanceOf(Array);
  expect(shown).toMatchObject({
    module: null,
    pid: null,
    pause: null,
    checkpoint: null,
    question: null,
    error: null,
  });
  const [event] = shown.events;
  expect(keysOf(event)).toEqual(["actor", "at", "attempt", "cause", "data", "from", "seq", "task", "to"]);
});

it("returns the keys of pauses, checkpoints, attempts and steps", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  await home.reaches(id, "suspended");
  const { pause, checkpoint, attempts, steps, module } = await home.json("show", `${id}`);
  expect(keysOf(pause)).toEqual(["actor", "at", "cause", "mode", "outcome", "reason", "until"]);
  expect(keysOf(checkpoint)).toEqual(["createdAt", "label", "seq", "sha256", "size"]);
  const { machine: _inCluster, ...attempt } = attempts[0];
  expect(keysOf(attempt)).toEqual(["endedAt", "exitCode", "n", "outcome", "pid", "signal", "startedAt"]);
  expect(keysOf(steps[0])).toEqual(["endedAt", "n", "name", "size", "startedAt", "unused"]);
  expect(keysOf(module)).toEqual(["path", "sha256"]);
});

it("hides environment, checkpoint contents, step results and messages", async ({ home }) => {
  const source = taskModule(`
    await task.step("own", () => "hush-step");
    await task.save("hush-save");
    await task.step("wait", () => { note("on"); return gate("go"); });`);
  const id = await home.run(home.module(source), { env: { SECRET: "hush-env" } });
  await noted(home, 1);
  await home.cli("send", `${id}`, "hush-message");
  const outputs = [
    home.cli("show", `${id}`),
    home.cli("show", "--json", `${id}`),
    home.cli("list", "--json"),
  ];
  for (const { stdout } of await Promise.all(outputs)) expect(stdout).not.toContain("hush");
  expect((await home.cli("events", "--after", "0")).stdout).not.toContain("hush");
});

it("says that a task is being paused, canceled or timed out, and what ends it at once", async ({ home }) => {
  const stubborn = ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"];
  const shows = async (id: number, text: string | RegExp) =>
    await until(async () => (await home.cli("show", `${id}`)).stdout.match(text));
  const id = await home.run("--pause-mode", "checkpoint", "--grace", "60s", ...stubborn);
  await home.reaches(id, "working");
  await home.cli("pause", `${id}`, "--no-wait");
  await shows(
    id,
    new RegExp(`\\n  is being paused; it is killed at .* \\(in .*\\)\\n  agentctl pause ${id} --grace 0s\\n`),
  );
  const canceling = home.cli("cancel", `${id}`, "--grace", "60s");
  await shows(id, `\n  is being canceled\n  agentctl cancel ${id} --grace 0s\n`);
  await home.cli("cancel", `${id}`, "--grace", "0s");
  expect((await canceling).code).toBe(0);
  await home.cli("config", "set", "cancel.grace", "60s");
  const late = await home.run("--timeout", "100ms", ...stubborn);
  await shows(late, "\n  has run out of time, and is being ended\n");
  await home.cli("cancel", `${late}`, "--grace", "0s");
});

it("starts with the reason why a task waits and the command that helps", async ({ home }) => {
  const queue = await oneSlot(home);
  await home.cli("queue", "hold", queue);
  const id = await home.run("--queue", queue, "true");
  const [, ...lines] = (await home.cli("show", `${id}`)).stdout.split("\n");
  expect(lines.slice(0, 2)).toEqual(["  queue one is held", `  agentctl queue release ${queue}`]);
});

it("finds a task by id, uuid or name, and prefers an open task to the last ended one", async ({ home }) => {
  const first = await home.run("--name", "nightly", "true");
  await home.reaches(first, "completed");
  const { uuid } = await home.json("show", "nightly");
  const second = await home.run("--name", "nightly", "--hold", "true");
  expect([(await home.json("show", uuid)).id, (await home.json("show", "nightly")).id]).toEqual([
    first,
    second,
  ]);
  const third = await home.run("--name", "nightly", "--hold", "true");
  const { code, stderr } = await home.cli("show", "nightly");
  expect(code).toBe(2);
  expect(stderr).toMatch(new RegExp(`${second}, ${third}`));
  expect((await home.cli("run", "--name", "12", "true")).code).toBe(2);
});

it("exits with 3 for an unknown task, and reports it as JSON too", async ({ home }) => {
  await home.cli("daemon", "start");
  expect((await home.cli("show", "99")).code).toBe(3);
  expect((await home.json("show", "99")).error).toMatchObject({
    name: "TaskNotFound",
    code: -32001,
    data: { id: 99 },
  });
});

it("shows input, options, memory in use and the last lines of a failed task", async ({ home }) => {
  const id = await home.run("--grace", "5s", "sh", "-c", "seq 1 20; sleep 60");
  const { tree } = await until(async () => {
    const task = await home.json("show", `${id}`);
    return task.tree?.processes === 2 && task;
  });
  expect(tree.memoryBytes).toBeGreaterThan(100_000);
  expect((await home.cli("show", `${id}`)).stdout).toMatch(/options +grace=5s/);
  const failed = await home.run("sh", "-c", "seq 1 20; exit 3");
  await home.reaches(failed, "failed");
  const { stdout } = await home.cli("show", `${failed}`);
  expect(stdout.trimEnd().split("\n").slice(-11)).toEqual([
    "Last lines of its log",
    ...Array.from({ length: 10 }, (_, n) => `  ${n + 11}`),
  ]);
  const given = "x".repeat(600);
  const module = await home.run(
    home.module("export default async () => 1;"),
    "--input",
    JSON.stringify(given),
  );
  expect((await home.json("show", `${module}`)).input).toBe(`"${given.slice(0, 499)}`);
});
