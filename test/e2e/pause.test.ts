import { expect } from "vitest";
import { isAlive, it, until } from "../harness/index.ts";
import {
  type Answer,
  history,
  meanwhile,
  noted,
  notes,
  oneSlot,
  open,
  pidOf,
  taskModule,
  twelveSteps,
  upTo,
} from "./story.ts";

it("pauses a module after 3 of 12 steps, and resume runs the other 9, each once", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  const pid = await pidOf(home, id);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  expect((await home.json("pause", `${id}`)).task).toMatchObject({ state: "suspended", pid: null });
  expect(isAlive(pid)).toBe(false);
  await meanwhile(home);
  expect(notes(home)).toEqual(upTo(3));
  await home.cli("resume", `${id}`);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
  expect(notes(home)).toEqual(upTo(12));
  const states = ["submitted", "working", "suspended", "resumed", "working", "completed"];
  expect(await history(home, id)).toEqual(states);
  expect((await home.json("show", `${id}`)).attempts).toHaveLength(2);
});

it("returns from pause after show reports the task as suspended", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  const pausing = home.cli("pause", `${id}`).then(() => home.task(id));
  await until(async () => (await home.json("show", `${id}`)).activity.doing !== null);
  open(home);
  expect(await pausing).toMatchObject({ state: "suspended", pid: null, pause: { outcome: "cooperative" } });
});

it("kills a module in an endless loop after the grace time and frees its slot", async ({ home }) => {
  const queue = await oneSlot(home);
  const id = await home.run(home.module(taskModule('note("on"); while (true) {}')), "--queue", queue);
  await noted(home, 1);
  const next = await home.run("--queue", queue, "true");
  const at = performance.now();
  const { task } = await home.json("pause", `${id}`, "--grace", "500ms");
  // The default grace time is a minute.
  expect(performance.now() - at).toBeLessThan(20_000);
  expect(task).toMatchObject({ state: "suspended", pid: null, pause: { outcome: "forced" } });
  await home.reaches(next, "completed");
});

it("answers list, show, pause and cancel while every slot is busy", async ({ home }) => {
  const queue = await oneSlot(home);
  const busy = home.module(taskModule('note("on"); while (true) {}'));
  const [first, waiting] = [await home.run(busy, "--queue", queue), await home.run(busy, "--queue", queue)];
  await noted(home, 1);
  const within = (method: string, params = {}) => home.rpc(method, params, 10_000);
  expect((await within("tasks/list")).tasks).toHaveLength(2);
  expect((await within("tasks/get", { id: waiting, details: true })).task.waiting.for).toBe("slot");
  expect((await within("tasks/pause", { id: first, mode: "freeze" })).task.state).toBe("suspended");
  await noted(home, 2);
  expect((await within("tasks/cancel", { id: waiting, graceMs: 0 })).task.state).toBe("canceled");
});

it("refuses to pause an ended task, which keeps its result", async ({ home }) => {
  const id = await home.run(home.module(taskModule("return { sum: 42 };")));
  const before = await home.reaches(id, "completed");
  const { code } = await home.cli("pause", `${id}`);
  expect(code).toBe(4);
  const { ok, error } = await home.json("pause", `${id}`);
  expect([ok, error.name, error.data.state, error.data.allowed]).toEqual([
    false,
    "TaskNotPausable",
    "completed",
    ["working", "resumed"],
  ]);
  expect(await home.task(id)).toEqual(before);
  expect(before.result).toEqual({ sum: 42 });
});

it("refuses late writes of a paused attempt, which change nothing", async ({ home }) => {
  const source = taskModule(
    'await task.step("own", () => { note(process.env.AGENTCTL_TOKEN); return gate("go"); });',
  );
  const id = await home.run(home.module(source));
  await noted(home, 1);
  await home.cli("pause", `${id}`, "--grace", "0s");
  const [token] = notes(home);
  const before = await home.json("show", `${id}`);
  for (const [method, params] of [
    ["attempt/result", { value: "late" }],
    ["attempt/step", { name: "late", n: 0, base: 0, call: 0, value: 1 }],
    ["attempt/checkpoint", { value: "late" }],
    ["attempt/progress", { done: 9 }],
  ] as const)
    await expect(home.rpc(method, { token, ...params })).rejects.toMatchObject({ code: -32022 });
  expect(await home.json("show", `${id}`)).toEqual({ ...before, pausedMs: expect.any(Number) });
});

it("asks a module in a long step first, kills it after the grace time and runs the step again", async ({
  home,
}) => {
  const source = taskModule(`
    await task.step("short", () => note("short"));
    await task.step("long", async () => { note("long"); if (task.attempt === 1) await gate("never"); });`);
  const id = await home.run(home.module(source));
  await noted(home, 2);
  await home.cli("pause", `${id}`, "--grace", "600ms", "--no-wait");
  const { activity } = (await home.rpc("tasks/get", { id, details: true })).task;
  expect(activity.running).toMatchObject([{ name: "long" }]);
  expect((await home.json("pause", `${id}`)).task.pause).toMatchObject({
    mode: "checkpoint",
    outcome: "forced",
  });
  await home.cli("resume", `${id}`);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
  expect(notes(home)).toEqual(["short", "long", "long"]);
});

it("ends the grace time early with a second pause --grace 0s", async ({ home }) => {
  const id = await home.run(home.module(taskModule('note("on"); await gate("never");')));
  await noted(home, 1);
  const first = home.json("pause", `${id}`, "--grace", "1h");
  await until(async () => (await home.json("show", `${id}`)).activity.deadline !== null);
  expect((await home.cli("pause", `${id}`, "--grace", "0s")).code).toBe(0);
  expect((await first).task).toMatchObject({ state: "suspended", pause: { outcome: "forced" } });
});

it("uses the grace time of run --grace for a pause", async ({ home }) => {
  const id = await home.run("--grace", "100ms", home.module(taskModule('note("on"); await gate("never");')));
  await noted(home, 1);
  const at = performance.now();
  expect((await home.json("pause", `${id}`)).task.pause.outcome).toBe("forced");
  expect(performance.now() - at).toBeLessThan(20_000);
});

it("stores a checkpoint with the label pause even if the module saved no value", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  const { task } = await home.json("pause", `${id}`);
  expect(task.checkpoint).toMatchObject({ seq: 1, size: 0, label: "pause" });
  expect((await home.cli("checkpoint", "get", `${id}`)).stdout).toBe("");
});

it("finishes a pause whose client is gone", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  const client = home.spawn("pause", `${id}`);
  await until(async () => (await home.json("show", `${id}`)).activity.doing !== null);
  client.kill("SIGKILL");
  await client.ended;
  open(home);
  expect((await home.reaches(id, "suspended")).pause.outcome).toBe("cooperative");
});

it("changes nothing if a suspended task is paused again, and succeeds", async ({ home }) => {
  const id = await home.run("sleep", "60");
  await home.reaches(id, "working");
  await home.cli("pause", `${id}`, "--reason", "first");
  const before = await home.task(id);
  expect(await home.json("pause", `${id}`, "--reason", "second")).toEqual({
    id,
    ok: true,
    changed: false,
    task: { ...before, pausedMs: expect.any(Number) },
  });
  expect(before.pause.reason).toBe("first");
});

it("takes back a resume that waits for a slot", async ({ home }) => {
  const queue = await oneSlot(home);
  const id = await home.run("--queue", queue, "sleep", "60");
  await home.reaches(id, "working");
  await home.cli("pause", `${id}`);
  await home.reaches(await home.run("--queue", queue, "sleep", "60"), "working");
  expect((await home.json("resume", `${id}`)).task.state).toBe("resumed");
  expect((await home.json("pause", `${id}`)).task.state).toBe("suspended");
  expect(await history(home, id)).toEqual(["submitted", "working", "suspended", "resumed", "suspended"]);
});

it("refuses to pause a task that is not running yet, and suggests hold", async ({ home }) => {
  const id = await home.run("--hold", "true");
  const { code, stderr } = await home.cli("pause", `${id}`);
  expect(code).toBe(4);
  expect(stderr).toContain(`agentctl hold ${id}`);
  expect(await history(home, id)).toEqual(["submitted"]);
});

it("records who paused a task, when, why and after which step", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--no-wait", "--reason", "the meter is running");
  open(home);
  await home.cli("pause", `${id}`);
  const { pause, steps, events } = await home.json("show", `${id}`);
  expect(pause).toMatchObject({
    mode: "checkpoint",
    outcome: "cooperative",
    cause: "user",
    reason: "the meter is running",
  });
  expect(pause.actor).toBe(events.at(-1).actor);
  expect(Date.parse(pause.at)).toBeGreaterThan(Date.parse(events[1].at));
  expect(steps.map(({ name }: { name: string }) => name)).toEqual(["step 1", "step 2", "step 3"]);
  expect((await home.cli("show", `${id}`)).stdout).toContain("the meter is running");
});

it("reports the result of a pause for each of several tasks", async ({ home }) => {
  const [at, held] = [await home.run("sleep", "60"), await home.run("--hold", "true")];
  await home.reaches(at, "working");
  expect((await home.cli("pause", `${at}`, `${held}`, "99")).code).toBe(1);
  const answers = await home.json("pause", `${at}`, `${held}`, "99");
  expect(answers.map(({ ok, changed, error }: Answer) => [ok, changed, error?.name])).toEqual([
    [true, false, undefined],
    [false, false, "TaskNotPausable"],
    [false, false, "TaskNotFound"],
  ]);
});

it("kills a process that a module's step started in its own session", async ({ home }) => {
  const source = taskModule(`
    const { spawn } = await import("node:child_process");
    await task.step("tool", async () => {
      const tool = spawn("sh", ["-c", "while :; do echo tick >> ticks; sleep 0.02; done"], { detached: true, stdio: "ignore" });
      tool.unref();
      note(tool.pid);
      await gate("go");
    });
    await task.step("next", () => note("next"));`);
  const id = await home.run(home.module(source));
  await noted(home, 1);
  await noted(home, 3, "ticks");
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  expect((await home.json("pause", `${id}`)).task.pause.outcome).toBe("cooperative");
  expect(isAlive(Number(notes(home)[0]))).toBe(false);
  expect(notes(home)).toHaveLength(1);
});

it("continues a pause if the command is interrupted, and says so", async ({ home }) => {
  const id = await home.run(
    "--pause-mode",
    "checkpoint",
    "sh",
    "-c",
    "trap 'sleep 2; exit 75' TERM; while :; do sleep 0.1; done",
  );
  await home.reaches(id, "working");
  await until(async () => (await home.task(id)).runMs > 300);
  const pausing = home.spawn("pause", `${id}`);
  await until(() => pausing.stderr.includes("waiting for"));
  pausing.kill("SIGINT");
  const { code, stderr } = await pausing.ended;
  expect([code, stderr]).toEqual([130, expect.stringContaining(`the pause goes on: agentctl show ${id}`)]);
  await home.reaches(id, "suspended");
});
