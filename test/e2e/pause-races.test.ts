import { expect } from "vitest";
import { it, sqlite, until } from "../harness/index.ts";
import {
  history,
  meanwhile,
  noted,
  notes,
  oneSlot,
  open,
  taskModule,
  ticking,
  twelveSteps,
  upTo,
} from "./story.ts";

it("asks a module that is still starting to pause before its first step", async ({ home }) => {
  await home.cli("daemon", "start");
  // The module is not loaded before the pause is recorded, however long that takes.
  const loading = `${twelveSteps}\nawait gate("loaded");`;
  const id = await home.run(home.module(loading));
  await home.cli("pause", `${id}`, "--no-wait");
  open(home, "loaded");
  expect((await home.reaches(id, "suspended")).pause).toMatchObject({ outcome: "cooperative" });
  await meanwhile(home);
  expect(notes(home)).toEqual([]);
  await home.cli("resume", `${id}`);
  await home.reaches(id, "completed");
  expect(notes(home)).toEqual(upTo(12));
});

it("kills nothing that is being frozen if a second pause has no grace time", async ({ home }) => {
  const id = await home.run("sh", "-c", "for i in $(seq 60); do sleep 60 & done; echo up; wait");
  const pid = await until(async () => (await home.task(id)).pid);
  await until(async () => (await home.cli("logs", `${id}`)).stdout === "up\n");
  const wire = await home.connect();
  const answers = await Promise.all([
    wire.request("tasks/pause", { id, mode: "freeze" }),
    wire.request("tasks/pause", { id, graceMs: 0 }),
  ]);
  for (const { task } of answers)
    expect(task).toMatchObject({ state: "suspended", pause: { outcome: "frozen" }, pid });
  await home.cli("resume", `${id}`, "--wait");
  expect(await home.task(id)).toMatchObject({ state: "working", attempt: 1, pid });
});

it("keeps a frozen task resumable if its recorded pause request outlives the daemon", async ({ home }) => {
  const id = await home.run("sleep", "60");
  const pid = await until(async () => (await home.task(id)).pid);
  await home.cli("pause", `${id}`, "--mode", "freeze");
  await home.killDaemon();
  const request = { kind: "pause", mode: "freeze", cause: "user", actor: "user", reason: null, until: null };
  const intent = JSON.stringify({
    ...request,
    group: null,
    graceMs: 0,
    requestedAt: 0,
    checkpointSeq: 0,
    forced: true,
  });
  sqlite(home, "update tasks set intent = ? where id = ?", [intent, id]);
  expect((await home.cli("resume", `${id}`, "--wait")).code).toBe(0);
  expect(await home.task(id)).toMatchObject({ state: "working", attempt: 1, pid });
});

it("loses no step and runs none twice during repeated pauses and resumes", async ({ home }) => {
  const source = taskModule(`
    for (let n = 1; n <= 30; n++) await task.step("step " + n, async () => { note(n); await delay(15); });`);
  const id = await home.run(home.module(source));
  await noted(home, 1);
  for (let round = 0; round < 4; round++) {
    const { ok } = await home.json("pause", `${id}`);
    if (ok) await home.cli("resume", `${id}`, "--wait");
  }
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
  expect(notes(home)).toEqual(upTo(30));
});

it("runs each step once through 60 overlapping pauses, resumes and freezes", async ({ home }) => {
  const source = taskModule(`
    for (let n = 1; n <= 30; n++) await task.step("step " + n, async () => { note(n); await delay(15); });`);
  const id = await home.run(home.module(source));
  await noted(home, 1);
  const calls = Array.from({ length: 60 }, (_, at) => async () => {
    await new Promise((resolve) => setTimeout(resolve, at * 10));
    const verb = at % 2 === 0 ? "pause" : "resume";
    await home
      .rpc(`tasks/${verb}`, { id, ...(at % 6 === 0 ? { mode: "freeze" } : {}) })
      .catch(() => undefined);
  });
  await Promise.all(calls.map((call) => call()));
  const resumed = async () => {
    if ((await home.task(id)).state === "suspended")
      await home.rpc("tasks/resume", { id }).catch(() => undefined);
    return (await home.task(id)).state === "completed";
  };
  await until(resumed);
  expect(notes(home)).toEqual(upTo(30));
});

it("does not count a forced pause as a failure", async ({ home }) => {
  const id = await home.run("--retries", "1", "--backoff", "10ms", home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--grace", "0s");
  open(home);
  await home.cli("resume", `${id}`);
  await home.reaches(id, "completed");
  expect(await history(home, id)).toEqual([
    "submitted",
    "working",
    "suspended",
    "resumed",
    "working",
    "completed",
  ]);
});

it("keeps a question open during a pause, and accepts its answer meanwhile", async ({ home }) => {
  const source = taskModule(`
    const work = task.step("work", () => { note("work"); return gate("go"); });
    const [answer] = await Promise.all([task.ask("Which?"), work]);
    return answer;`);
  const id = await home.run(home.module(source));
  await until(async () => (await home.task(id)).question);
  await noted(home, 1);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  expect((await home.json("pause", `${id}`)).task).toMatchObject({
    state: "suspended",
    question: { prompt: "Which?" },
  });
  expect((await home.cli("answer", `${id}`, "this")).code).toBe(0);
  expect((await home.task(id)).state).toBe("suspended");
  await home.cli("resume", `${id}`);
  expect((await home.reaches(id, "completed")).result).toBe("this");
  expect(notes(home)).toEqual(["work"]);
});

it("asks an unanswered question again after the resume", async ({ home }) => {
  const source = taskModule(`
    const work = task.step("work", () => { note("work"); return gate("go"); });
    const [answer] = await Promise.all([task.ask("Which?"), work]);
    return answer;`);
  const id = await home.run(home.module(source));
  await until(async () => (await home.task(id)).question);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  await home.cli("pause", `${id}`);
  await home.cli("resume", `${id}`);
  await home.reaches(id, "input-required");
  await home.cli("answer", `${id}`, "that");
  expect((await home.reaches(id, "completed")).result).toBe("that");
});

it("freezes a module, which survives a daemon restart and continues in the same attempt", async ({
  home,
}) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  const { task } = await home.json("pause", `${id}`, "--mode", "freeze");
  expect(task.pause).toMatchObject({ mode: "freeze", outcome: "frozen" });
  open(home);
  await home.cli("daemon", "restart");
  await meanwhile(home);
  expect(notes(home)).toEqual(upTo(3));
  await home.cli("resume", `${id}`);
  await home.reaches(id, "completed");
  expect(notes(home)).toEqual(upTo(12));
  expect((await home.json("show", `${id}`)).attempts).toHaveLength(1);
});

it("pauses a frozen module by checkpoint", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--mode", "freeze");
  open(home);
  const { task } = await home.json("pause", `${id}`, "--mode", "checkpoint");
  expect(task).toMatchObject({ state: "suspended", pid: null, pause: { outcome: "cooperative" } });
  expect(notes(home)).toEqual(upTo(3));
  await home.cli("resume", `${id}`);
  await home.reaches(id, "completed");
  expect(notes(home)).toEqual(upTo(12));
});

it("completes a frozen program that exits with 0 when it is paused by checkpoint", async ({ home }) => {
  const id = await home.run(home.script(`trap 'exit 0' TERM; ${ticking}`));
  await noted(home, 1, "ticks");
  await home.cli("pause", `${id}`);
  expect((await home.cli("pause", `${id}`, "--mode", "checkpoint")).code).toBe(4);
  expect((await home.task(id)).state).toBe("completed");
});

it("freezes a running checkpoint save, which completes after the resume", async ({ home }) => {
  const save =
    "(echo on >> notes; until [ -e go ]; do sleep 0.02; done; echo late) | agentctl checkpoint save";
  const id = await home.run(home.script(save));
  await noted(home, 1);
  await home.cli("pause", `${id}`);
  open(home);
  await home.cli("resume", `${id}`);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
  expect((await home.cli("checkpoint", "get", `${id}`)).stdout).toBe("late\n");
});

it("gives the only slot to frozen and waiting tasks in turn, never to two at once", async ({ home }) => {
  const queue = await oneSlot(home);
  for (let task = 1; task <= 3; task++) await home.run("--queue", queue, "sleep", "60");
  const working = async () => (await home.rpc("tasks/list", { state: ["working"] })).tasks;
  for (let round = 0; round < 4; round++) {
    const [{ id }] = await until(async () => ((await working()).length === 1 ? await working() : undefined));
    await home.cli("pause", `${id}`);
    await home.cli("resume", `${id}`);
    expect((await working()).length).toBeLessThanOrEqual(1);
  }
});
