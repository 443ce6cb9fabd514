import { writeFileSync } from "node:fs";
import { describe, expect } from "vitest";
import { type Home, it, sqlite, until } from "../harness/index.ts";
import {
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

/** Saves 1, 2 and 3, each time after a step of its own, and waits for the file `go` before it goes on to 4. */
const saver = taskModule(`
  note("from " + task.checkpoint);
  for (let n = (task.checkpoint ?? 0) + 1; n <= 4; n++) {
    await task.step("work", () => { note(n); return n === 4 ? gate("go") : undefined; });
    if (n < 4) await task.save(n);
  }
`);

/** A task that was paused with the checkpoints 1, 2 and 3, and forced out of its fourth step. */
async function pausedSaver(home: Home): Promise<number> {
  const id = await home.run(home.module(saver));
  await noted(home, 5);
  await home.cli("pause", `${id}`, "--grace", "0s");
  return id;
}

/** What lies at rest in the store is no longer what was saved. */
const damage = (home: Home, seq: number) =>
  sqlite(home, "update checkpoints set data = x'7b' where seq = ?", [seq]);

it("goes on after five of twelve steps and not from the beginning", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "5");
  await noted(home, 5);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  await home.reaches(id, "suspended");
  expect(notes(home)).toEqual(upTo(5));
  await home.cli("resume", `${id}`);
  expect((await home.reaches(id, "completed")).result).toBe("done");
  expect(notes(home)).toEqual(upTo(12));
});

it("lets one of fifty concurrent resumes win, and tells forty-nine", async ({ home }) => {
  const id = await home.run(home.module(twelveSteps), "--input", "3");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home);
  await home.reaches(id, "suspended");
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => home.rpc("tasks/resume", { id }).catch(({ code }) => code)),
  );
  expect(answers.filter((answer) => answer === -32017)).toHaveLength(49);
  expect((await home.cli("wait", `${id}`)).code).toBe(0);
  expect(notes(home)).toEqual(upTo(12));
  expect((await home.json("show", `${id}`)).attempts).toHaveLength(2);
});

it("refuses what is not suspended, names its state and what to do", async ({ home }) => {
  const id = await home.run("--hold", "true");
  const { code, stderr } = await home.cli("resume", `${id}`);
  expect(code).toBe(4);
  expect(stderr).toContain(`agentctl release ${id}`);
  const { error } = await home.json("resume", `${id}`);
  expect(error).toMatchObject({ name: "TaskNotResumable", code: -32017 });
  expect(error.data).toMatchObject({ id, state: "submitted", allowed: ["suspended"] });
});

it("waits as resumed while the one slot is taken, and is at work with --wait when it returns", async ({
  home,
}) => {
  const queue = await oneSlot(home);
  const id = await home.run("--queue", queue, home.module(twelveSteps), "--input", "3");
  const next = await home.run("--queue", queue, "sleep", "60");
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--grace", "0s");
  await home.reaches(next, "working");
  const resuming = home.cli("resume", `${id}`, "--wait");
  expect((await home.reaches(id, "resumed")).waiting).toMatchObject({ for: "slot" });
  await home.cli("cancel", `${next}`, "--grace", "0s");
  expect(await resuming).toMatchObject({ code: 0, stdout: `task ${id} resumed and at work\n` });
});

it("continues again from the same checkpoint when the resumed attempt crashed", async ({ home }) => {
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

it("tries again from its journal when the resumed attempt crashed and has retries", async ({ home }) => {
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

it("is given the second pause's checkpoint alone, and nothing of the first", async ({ home }) => {
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

describe("from a chosen place", () => {
  it("continues from an older checkpoint with --from, says so, and supersedes the later ones", async ({
    home,
  }) => {
    const id = await pausedSaver(home);
    await home.cli("queue", "hold", "default");
    expect((await home.cli("resume", `${id}`, "--from", "1")).code).toBe(0);
    const { checkpoints, events } = await home.json("show", `${id}`);
    expect(checkpoints.map(({ superseded }: { superseded: boolean }) => superseded)).toEqual([
      false,
      true,
      true,
    ]);
    expect(events.at(-1)).toMatchObject({ to: "resumed", data: { from: 1 } });
    await home.cli("queue", "release", "default");
    await noted(home, 9);
    expect(notes(home).slice(5)).toEqual(["from 1", "2", "3", "4"]);
  });

  it("forgets with --from the steps that were acknowledged after that checkpoint", async ({ home }) => {
    const source = taskModule(`
      for (const name of ["a", "b", "c"]) {
        await task.step(name, () => { note(name); return name === "c" ? gate("go") : undefined; });
        await task.save(name);
      }`);
    const id = await home.run(home.module(source));
    await noted(home, 3);
    await home.cli("pause", `${id}`, "--grace", "0s");
    open(home);
    await home.cli("resume", `${id}`, "--from", "1");
    expect((await home.cli("wait", `${id}`)).code).toBe(0);
    expect(notes(home)).toEqual(["a", "b", "c", "b", "c"]);
  });

  it("begins again with --from-start, with no checkpoint and no journal", async ({ home }) => {
    const id = await pausedSaver(home);
    await home.cli("resume", `${id}`, "--from-start");
    await noted(home, 10);
    expect(notes(home).slice(5)).toEqual(["from undefined", "1", "2", "3", "4"]);
    const { events } = await home.json("show", `${id}`);
    expect(events.find(({ to }: { to: string }) => to === "resumed").data).toEqual({ from: 0 });
  });

  it("ends a frozen process first and starts anew with --from-start", async ({ home }) => {
    const id = await home.run("sh", "-c", "echo $$ >> notes; sleep 60");
    await noted(home, 1);
    await home.cli("pause", `${id}`);
    await home.cli("resume", `${id}`, "--from-start");
    await noted(home, 2);
    expect(new Set(notes(home)).size).toBe(2);
    expect(await history(home, id)).toEqual(["submitted", "working", "suspended", "resumed", "working"]);
  });

  it("knows no checkpoint 99", async ({ home }) => {
    const id = await pausedSaver(home);
    expect((await home.cli("resume", `${id}`, "--from", "99")).code).toBe(3);
    expect((await home.json("resume", `${id}`, "--from", "99")).error).toMatchObject({
      name: "CheckpointNotFound",
      data: { id, state: "suspended" },
    });
    expect((await home.task(id)).state).toBe("suspended");
  });
});

describe("where there is nothing to continue from", () => {
  it("refuses with CheckpointNotFound and names --from-start", async ({ home }) => {
    const id = await home.run("sh", "-c", "echo on >> notes; sleep 60");
    await noted(home, 1);
    await home.cli("pause", `${id}`, "--mode", "checkpoint");
    const { code, stderr } = await home.cli("resume", `${id}`);
    expect(code).toBe(3);
    expect(stderr).toContain(`agentctl resume ${id} --from-start`);
    expect((await home.task(id)).state).toBe("suspended");
    await home.cli("resume", `${id}`, "--from-start", "--wait");
    await noted(home, 2);
  });

  it("refuses an automatic resume too", async ({ home }) => {
    const id = await home.run("sh", "-c", "echo on >> notes; sleep 60");
    await noted(home, 1);
    await home.cli("pause", `${id}`, "--mode", "checkpoint", "--until", "300ms");
    expect((await until(async () => (await home.task(id)).error)).name).toBe("CheckpointNotFound");
    expect((await home.task(id)).state).toBe("suspended");
    expect(notes(home)).toEqual(["on"]);
  });
});

describe("an unreadable checkpoint is never taken for none", () => {
  it("refuses with CheckpointCorrupt, names the newest good one, and the task stays suspended", async ({
    home,
  }) => {
    const id = await pausedSaver(home);
    damage(home, 3);
    expect((await home.cli("resume", `${id}`)).code).toBe(4);
    const { error } = await home.json("resume", `${id}`);
    expect(error).toMatchObject({
      name: "CheckpointCorrupt",
      data: { id, state: "suspended", seq: 3, good: 2 },
    });
    expect(error.hint).toContain(`agentctl resume ${id} --from 2`);
    await meanwhile(home);
    expect((await home.task(id)).state).toBe("suspended");
    await home.cli("resume", `${id}`, "--from", "2");
    await noted(home, 8);
    expect(notes(home).slice(5)).toEqual(["from 2", "3", "4"]);
  });

  it("passes over two corrupt ones for the newest good one", async ({ home }) => {
    const id = await pausedSaver(home);
    damage(home, 3);
    damage(home, 2);
    expect((await home.json("resume", `${id}`)).error.data).toMatchObject({ seq: 3, good: 1 });
  });

  it("stays suspended, cause corrupt, when it would have resumed by itself", async ({ home }) => {
    const id = await home.run(home.module(saver));
    await noted(home, 5);
    await home.cli("pause", `${id}`, "--grace", "0s", "--until", "600ms");
    damage(home, 3);
    await until(async () => (await home.task(id)).pause.cause === "corrupt");
    expect(await home.task(id)).toMatchObject({ state: "suspended", error: { name: "CheckpointCorrupt" } });
  });

  it("tells checkpoint get and checkpoint list of it", async ({ home }) => {
    const id = await pausedSaver(home);
    damage(home, 3);
    expect((await home.cli("checkpoint", "get", `${id}`, "--seq", "3")).code).toBe(4);
    expect((await home.cli("checkpoint", "get", `${id}`, "--seq", "2")).stdout).toBe("2");
  });
});

describe("what may have changed meanwhile", () => {
  it("says by SHA-256 that the module's file has changed", async ({ home }) => {
    const path = home.module(twelveSteps);
    const id = await home.run(path, "--input", "3");
    await noted(home, 3);
    const before = (await home.task(id)).module.sha256;
    await home.cli("pause", `${id}`, "--no-wait");
    open(home);
    await home.reaches(id, "suspended");
    writeFileSync(path, `${twelveSteps}// A last line.\n`);
    const { stderr } = await home.cli("resume", `${id}`);
    const after = (await home.task(id)).module.sha256;
    expect(after).not.toBe(before);
    expect(stderr).toContain(before);
    expect(stderr).toContain(after);
    await home.reaches(id, "completed");
  });

  it("stops a module whose journal no longer fits: suspended, cause mismatch, until it is put back", async ({
    home,
  }) => {
    const path = home.module(twelveSteps);
    const id = await home.run(path, "--input", "3");
    await noted(home, 3);
    await home.cli("pause", `${id}`, "--no-wait");
    open(home);
    await home.reaches(id, "suspended");
    writeFileSync(path, twelveSteps.replace('"step " + n', '"stage " + n'));
    await home.cli("resume", `${id}`);
    await until(async () => (await home.task(id)).pause.cause === "mismatch");
    expect(await home.task(id)).toMatchObject({ state: "suspended", error: { name: "JournalMismatch" } });
    expect((await home.task(id)).error.message).toContain('"step 1"');
    writeFileSync(path, twelveSteps);
    await home.cli("resume", `${id}`);
    await home.reaches(id, "completed");
    expect(notes(home)).toEqual(upTo(12));
  });

  it("takes another module with --module and other variables with --env", async ({ home }) => {
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
