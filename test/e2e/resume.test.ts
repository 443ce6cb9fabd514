import { appendFileSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { type Home, it, needsOwnStore, sqlite, until } from "../harness/index.ts";
import { noted, notes, oneSlot, open, pausedSaver, pidOf, taskModule, twelveSteps, upTo } from "./story.ts";

/** Pauses a task of twelve steps after `steps` of them. Returns its id and the path of its module. */
async function pausedAfter(home: Home, steps: number): Promise<{ id: number; path: string }> {
  const path = home.module(twelveSteps);
  const id = await home.run(path, "--input", `${steps}`);
  await noted(home, steps);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  await home.reaches(id, "suspended");
  return { id, path };
}

it("continues after five of twelve steps, not from the start", async ({ home }) => {
  const { id } = await pausedAfter(home, 5);
  expect(notes(home)).toEqual(upTo(5));
  await home.cli("resume", `${id}`);
  expect((await home.reaches(id, "completed")).result).toBe("done");
  expect(notes(home)).toEqual(upTo(12));
});

it("accepts one of fifty concurrent resumes and refuses the other 49", async ({ home }) => {
  const { id } = await pausedAfter(home, 3);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => home.rpc("tasks/resume", { id }).catch(({ code }) => code)),
  );
  expect(answers.filter((answer) => answer === -32017)).toHaveLength(49);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
  expect(notes(home)).toEqual(upTo(12));
  expect((await home.json("show", `${id}`)).attempts).toHaveLength(2);
});

it("refuses to resume a task that is not suspended, and names its state and what helps", async ({ home }) => {
  const id = await home.run("--hold", "true");
  const { code, stderr } = await home.cli("resume", `${id}`);
  expect(code).toBe(4);
  expect(stderr).toContain(`agentctl release ${id}`);
  const { error } = await home.json("resume", `${id}`);
  expect(error).toMatchObject({ name: "TaskNotResumable", code: -32017 });
  expect(error.data).toMatchObject({ id, state: "submitted", allowed: ["suspended"] });
});

it("waits as resumed while the only slot is taken, and runs when --wait returns", async ({ home }) => {
  const queue = await oneSlot(home);
  const id = await home.run("--queue", queue, home.module(twelveSteps), "--input", "3");
  const next = await home.run("--queue", queue, "sleep", "60");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--grace", "0s");
  await home.reaches(next, "working");
  const resuming = home.cli("resume", `${id}`, "--wait");
  expect((await home.reaches(id, "resumed")).waiting).toMatchObject({ for: "slot" });
  await home.cli("cancel", `${next}`, "--grace", "0s");
  expect(await resuming).toMatchObject({ code: 0, stdout: `task ${id} resumed and running\n` });
});

it("says with --wait why the task could not start", async ({ home }) => {
  const folder = home.file("work");
  mkdirSync(folder);
  const id = await home.run("--cwd", folder, "--pause-mode", "checkpoint", "sleep", "60");
  await home.reaches(id, "working");
  await home.cli("pause", `${id}`);
  rmdirSync(folder);
  expect(await home.cli("resume", `${id}`, "--wait")).toMatchObject({
    code: 4,
    stderr: `agentctl: task ${id} could not start and is suspended again: cannot start sleep: its working directory ${folder} does not exist\n  agentctl show ${id}\n`,
  });
});

it("keeps the resume if --wait is interrupted, and says so", async ({ home }) => {
  const queue = await oneSlot(home);
  const start = async (n: number) => {
    const id = await home.run("--queue", queue, home.module(twelveSteps), "--input", "1");
    await noted(home, n);
    await home.cli("pause", `${id}`, "--grace", "0s");
    return `${id}`;
  };
  const [one, two, three] = [await start(1), await start(2), await start(3)];
  await home.run("--queue", queue, "sleep", "60");
  appendFileSync(home.file("task.mjs"), "// It is told of this, and then waits.");
  const interrupted = async (...ids: string[]) => {
    const resuming = home.spawn("resume", ...ids, "--wait");
    await until(() => resuming.stderr.match(/has changed since/g)?.length === ids.length);
    resuming.kill("SIGINT");
    const { code, stderr } = await resuming.ended;
    expect(code).toBe(130);
    return stderr.split("\n").filter((line) => line.startsWith("detached"));
  };
  expect(await interrupted(one)).toEqual([
    `detached; the resume stands: agentctl show ${one} tells when it is running`,
  ]);
  const [several = ""] = await interrupted(two, three);
  expect(several).toMatch(
    /^detached; the resume of task \d, \d stands: agentctl list tells what is running$/,
  );
  for (const id of [one, two, three]) expect((await home.task(id)).state).toBe("resumed");
});

it("continues again from the same checkpoint if the resumed attempt crashes", async ({ home }) => {
  const id = await pausedSaver(home);
  await home.cli("resume", `${id}`);
  await noted(home, 7);
  process.kill(await pidOf(home, id), "SIGSTOP");
  await home.killDaemon();
  process.kill(Number(sqlite(home, "select pid from attempts where n = 2")[0].pid), "SIGKILL");
  expect((await home.json("checkpoint", "list", `${id}`)).map(({ seq }: { seq: number }) => seq)).toEqual([
    1, 2, 3,
  ]);
  await noted(home, 9);
  expect(notes(home).slice(5)).toEqual(["from 3", "4", "from 3", "4"]);
  open(home);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
});

it("retries from its journal if the resumed attempt crashes", async ({ home }) => {
  const source = taskModule(`
    await task.step("one", () => note("one"));
    await task.step("two", () => { note("two"); if (task.attempt === 1) return gate("go"); });
    if (task.attempt === 2) process.kill(process.pid, "SIGKILL");
    await task.step("three", () => note("three"));`);
  const id = await home.run("--retries", "1", "--backoff", "10ms", home.module(source));
  await noted(home, 2);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  await home.reaches(id, "suspended");
  await home.cli("resume", `${id}`);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
  expect(notes(home)).toEqual(["one", "two", "three"]);
});

it("uses only the second pause's checkpoint, and nothing of the first", async ({ home }) => {
  const source = taskModule(`
    note(JSON.stringify(task.checkpoint ?? null));
    await task.save(task.attempt === 1 ? { first: 1, both: 1 } : { both: 2 });
    await task.step("wait", () => { note("saved"); return gate("go"); });`);
  const id = await home.run(home.module(source));
  for (const lines of [2, 4]) {
    await noted(home, lines);
    await home.cli("pause", `${id}`, "--grace", "0s");
    await home.cli("resume", `${id}`);
  }
  await noted(home, 6);
  expect(notes(home)).toEqual(["null", "saved", '{"first":1,"both":1}', "saved", '{"both":2}', "saved"]);
});

describe("a resume after a change", () => {
  it("reports by SHA-256 that the module's file has changed", async ({ home }) => {
    const path = home.module(twelveSteps);
    const id = await home.run(path, "--input", "3");
    await noted(home, 3);
    const before = (await home.task(id)).module.sha256;
    await home.cli("pause", `${id}`, "--no-wait");
    open(home);
    await home.reaches(id, "suspended");
    appendFileSync(path, "// A last line.\n");
    const { stderr } = await home.cli("resume", `${id}`);
    const after = (await home.task(id)).module.sha256;
    expect(after).not.toBe(before);
    expect(stderr).toContain(before);
    expect(stderr).toContain(after);
    await home.reaches(id, "completed");
  });

  it("suspends a module whose journal no longer fits, until the module is put back", async ({ home }) => {
    const { id } = await pausedAfter(home, 3);
    home.module(twelveSteps.replace('"step " + n', '"stage " + n'));
    await home.cli("resume", `${id}`);
    await until(async () => (await home.task(id)).pause.cause === "mismatch");
    expect(await home.task(id)).toMatchObject({ state: "suspended", error: { name: "JournalMismatch" } });
    expect((await home.task(id)).error.message).toContain('"step 1"');
    home.module(twelveSteps);
    await home.cli("resume", `${id}`);
    await home.reaches(id, "completed");
    expect(notes(home)).toEqual(upTo(12));
  });

  it("keeps the progress of a module that cannot be loaded after an edit, until it is repaired", async ({
    home,
  }) => {
    const { path, id } = await pausedAfter(home, 3);
    const slips: [slip: string, told: RegExp][] = [
      ["const a = ;\n", /cannot be loaded: SyntaxError: .*:1:11: Unexpected ";"$/],
      ['import { a } from "./gone.ts"; a();\n', /cannot be loaded: .*gone\.ts/],
      ["// nothing\n", /cannot be loaded: .*does not export a task/],
    ];
    for (const [slip, told] of slips) {
      writeFileSync(path, slip);
      await home.cli("resume", `${id}`);
      await until(async () => told.test((await home.task(id)).error?.message));
      expect(await home.task(id)).toMatchObject({ state: "suspended", pause: { cause: "mismatch" } });
    }
    home.module(twelveSteps);
    await home.cli("resume", `${id}`);
    await home.reaches(id, "completed");
    expect(notes(home)).toEqual(upTo(12));
  });

  it("uses another module with --module and other variables with --env", async ({ home }) => {
    const source = (end: string) =>
      taskModule(`await task.step("one", () => { note("one"); return gate("go"); });
        return task.step("two", () => ${end});`);
    const id = await home.run(home.module(source("1")));
    await noted(home, 1);
    await home.cli("pause", `${id}`, "--no-wait");
    open(home);
    await home.reaches(id, "suspended");
    const other = home.module(source("process.env.COLOUR"), "other.ts");
    await home.cli("resume", `${id}`, "--module", other, "--env", "COLOUR=red");
    expect((await home.reaches(id, "completed")).result).toBe("red");
    expect(notes(home)).toEqual(["one"]);
  });

  it("keeps the environment of run, or takes the caller's with --refresh-env", async ({ home }) => {
    needsOwnStore(home, "the shell that submits gives nothing in a cluster");
    const print = ["sh", "-c", 'echo "$COLOUR" >> notes; while [ ! -e go ]; do sleep 0.02; done'];
    const id = await home.run("--pause-mode", "checkpoint", ...print, { env: { COLOUR: "red" } });
    for (const [lines, args] of [
      [1, []],
      [2, ["--refresh-env"]],
    ] as [number, string[]][]) {
      await noted(home, lines);
      await home.cli("pause", `${id}`);
      await home.cli("resume", `${id}`, ...args, { env: { COLOUR: "blue" } });
    }
    await noted(home, 3);
    expect(notes(home)).toEqual(["red", "red", "blue"]);
  });
});
