import { describe, expect } from "vitest";
import { type Home, it, sqlite, until } from "../harness/index.ts";
import { history, meanwhile, noted, notes, open, pausedSaver, running, saver, taskModule } from "./story.ts";

/** Changes the stored data of a checkpoint, so that it is not what was saved. */
const damage = (home: Home, seq: number) =>
  sqlite(home, "update checkpoints set data = x'7b' where seq = ?", [seq]);

describe("a resume from a chosen place", () => {
  it("continues from an older checkpoint with --from, records that and supersedes the later ones", async ({
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

  it("discards steps that were acknowledged after the checkpoint of --from", async ({ home }) => {
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

  it("begins again with --from-start, without checkpoint and journal", async ({ home }) => {
    const id = await pausedSaver(home);
    await home.cli("resume", `${id}`, "--from-start");
    await noted(home, 10);
    expect(notes(home).slice(5)).toEqual(["from undefined", "1", "2", "3", "4"]);
    const { events } = await home.json("show", `${id}`);
    expect(events.find(({ to }: { to: string }) => to === "resumed").data).toEqual({ from: 0 });
  });

  it("kills a frozen process before it starts again with --from-start", async ({ home }) => {
    const id = await home.run("sh", "-c", "echo $$ >> notes; sleep 60");
    await noted(home, 1);
    await home.cli("pause", `${id}`);
    await home.cli("resume", `${id}`, "--from-start");
    await noted(home, 2);
    expect(new Set(notes(home)).size).toBe(2);
    const { attempts } = await home.json("show", `${id}`);
    expect(attempts[0]).toMatchObject({ outcome: "forced", exitCode: null, signal: null });
    expect(await history(home, id)).toEqual(["submitted", "working", "suspended", "resumed", "working"]);
  });

  it("refuses an unknown checkpoint", async ({ home }) => {
    const id = await pausedSaver(home);
    expect((await home.cli("resume", `${id}`, "--from", "99")).code).toBe(3);
    expect((await home.json("resume", `${id}`, "--from", "99")).error).toMatchObject({
      name: "CheckpointNotFound",
      data: { id, state: "suspended" },
    });
    expect((await home.task(id)).state).toBe("suspended");
  });
});

describe("a resume with nothing to continue from", () => {
  it("is refused with CheckpointNotFound and suggests --from-start", async ({ home }) => {
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

  it("is refused even if it is automatic", async ({ home }) => {
    const id = await home.run("sh", "-c", "echo on >> notes; sleep 60");
    await noted(home, 1);
    await home.cli("pause", `${id}`, "--mode", "checkpoint", "--until", "300ms");
    expect((await until(async () => (await home.task(id)).error)).name).toBe("CheckpointNotFound");
    expect((await home.task(id)).state).toBe("suspended");
    expect(notes(home)).toEqual(["on"]);
  });
});

describe("a corrupt checkpoint", () => {
  it("is refused with CheckpointCorrupt and the newest good one, and the task stays suspended", async ({
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

  it("is skipped in the search for the newest good one", async ({ home }) => {
    const id = await pausedSaver(home);
    damage(home, 3);
    damage(home, 2);
    expect((await home.json("resume", `${id}`)).error.data).toMatchObject({ seq: 3, good: 1 });
  });

  it("keeps a task suspended with cause corrupt instead of an automatic resume", async ({ home }) => {
    const id = await home.run(home.module(saver));
    await noted(home, 5);
    damage(home, 3);
    await home.cli("pause", `${id}`, "--grace", "0s", "--until", "300ms");
    await until(async () => (await home.task(id)).pause.cause === "corrupt");
    expect(await home.task(id)).toMatchObject({ state: "suspended", error: { name: "CheckpointCorrupt" } });
  });

  it("keeps a task suspended with an error instead of a retry, and ends the host that waits for it", async ({
    home,
  }) => {
    const source = taskModule(`
      void task.checkpoint; await task.save(1); note("saved"); await gate("go"); throw new Error("once");`);
    const id = await home.run("--retries", "1", "--backoff", "700ms", home.module(source));
    await noted(home, 1);
    // By then a host waits for the next start.
    await until(() => running(home, "host.mjs").length === 2);
    damage(home, 1);
    open(home, "go");
    await until(async () => (await home.task(id)).pause?.cause === "corrupt");
    expect(await home.task(id)).toMatchObject({ state: "suspended", error: { name: "CheckpointCorrupt" } });
    await until(() => running(home, "host.mjs").length <= 1);
    await home.cli("daemon", "stop");
    expect(running(home, "host.mjs")).toEqual([]);
  });

  it("is refused for an ended task, whose rerun continues from the newest good one", async ({ home }) => {
    const id = await pausedSaver(home);
    await home.cli("cancel", `${id}`);
    damage(home, 3);
    for (const args of [
      ["checkpoint", "get"],
      ["rerun", "--from", "3"],
    ]) {
      const { code, stderr } = await home.cli(...args, `${id}`);
      expect([code, stderr]).toEqual([4, expect.stringContaining(`  agentctl rerun ${id} --from 2 goes on`)]);
    }
    open(home);
    expect((await home.cli("rerun", `${id}`, "--from", "2")).code).toBe(0);
    await home.reaches(id + 1, "completed");
    expect(notes(home).slice(5)).toEqual(["from 2", "3", "4"]);
  });

  it("is refused by checkpoint get, unlike a good one", async ({ home }) => {
    const id = await pausedSaver(home);
    damage(home, 3);
    expect((await home.cli("checkpoint", "get", `${id}`, "--seq", "3")).code).toBe(4);
    expect((await home.cli("checkpoint", "get", `${id}`, "--seq", "2")).stdout).toBe("2");
  });
});

describe("a corrupt journal", () => {
  const steps = taskModule(`
    await task.step("one", () => { note("one"); return 1; });
    await task.save("between");
    await task.step("two", () => { note("two"); return 2; });
    await gate("go");
    await task.step("three", () => { note("three"); return 3; });
    if (task.attempt === 1) throw new Error("once");`);

  const spoil = {
    "a result that is not JSON": "update steps set result = '{' where task_id = ? and name = 'two'",
    "a call that is missing": "delete from steps where task_id = ? and name = 'one'",
  };

  it.for(Object.entries(spoil))("is refused on resume: %s", async ([fault, sql], { home }) => {
    const id = await home.run(home.module(steps));
    await noted(home, 2);
    await until(() => sqlite(home, "select count(*) as n from steps where task_id = ?", [id])[0].n === 2);
    await home.cli("pause", `${id}`, "--grace", "0s");
    sqlite(home, sql, [id]);
    const { code, stderr } = await home.cli("resume", `${id}`);
    expect([code, stderr]).toEqual([4, expect.stringContaining(`the journal of task ${id} is corrupt: `)]);
    const { error } = await home.json("resume", `${id}`);
    const isRead = fault === "a call that is missing";
    expect(error).toMatchObject({
      name: "CheckpointCorrupt",
      data: { id, state: "suspended", step: isRead ? null : "two", good: isRead ? null : 1 },
    });
    expect(error.hint).toContain(isRead ? "--from-start" : `agentctl resume ${id} --from 1`);
    expect((await home.cli("doctor")).stdout).toContain(`task ${id}`);
    expect((await home.task(id)).state).toBe("suspended");
    await home.cli("resume", `${id}`, ...(isRead ? ["--from-start"] : ["--from", "1"]));
    open(home, "go");
    await home.reaches(id, "completed");
    expect(notes(home)).toEqual(["one", "two", ...(isRead ? ["one"] : []), "two", "three"]);
  });

  it("is refused when the task would continue by itself", async ({ home }) => {
    const id = await home.run("--retries", "1", "--backoff", "700ms", home.module(steps));
    await noted(home, 2);
    open(home, "go");
    await until(async () => (await home.task(id)).waiting?.for === "backoff");
    sqlite(home, spoil["a result that is not JSON"], [id]);
    await until(async () => (await home.task(id)).pause?.cause === "corrupt");
    expect(await home.task(id)).toMatchObject({ state: "suspended", error: { name: "CheckpointCorrupt" } });
    expect(notes(home)).toEqual(["one", "two", "three"]);
  });
});
