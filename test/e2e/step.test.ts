import { describe, expect } from "vitest";
import { it } from "../harness/index.ts";
import { meanwhile, noted, notes, open, taskModule } from "./story.ts";

it("runs each step once even if steps end out of order, and matches them by their full names", async ({
  home,
}) => {
  const source = taskModule(`
    const read = (name, ms) => task.step("read " + name, async () => {
      note("begin " + name);
      await delay(ms);
      if (name === "1" && task.attempt === 1) await gate("never");
      note("end " + name);
      return name;
    });
    return Promise.all([read("1", 0), read("11", 900), read("2", 300), read("2", 600)]);`);
  const id = await home.run(home.module(source));
  await noted(home, 7);
  expect(notes(home).slice(4)).toEqual(["end 2", "end 2", "end 11"]);
  await home.cli("pause", `${id}`, "--grace", "0s");
  await home.cli("resume", `${id}`);
  expect((await home.reaches(id, "completed")).result).toEqual(["1", "11", "2", "2"]);
  expect(notes(home).slice(7)).toEqual(["begin 1", "end 1"]);
});

it("returns journaled results in a later attempt, including undefined and nested ones", async ({ home }) => {
  const source = taskModule(`
    const nothing = await task.step("nothing", () => note("nothing"));
    const value = await task.step("value", () => { note("value"); return { at: [1, null, "ä"] }; });
    await task.step("wait", () => { note("wait"); return task.attempt === 1 ? gate("never") : undefined; });
    return { nothing: nothing === undefined, value };`);
  const id = await home.run(home.module(source));
  await noted(home, 3);
  await home.cli("pause", `${id}`, "--grace", "0s");
  await home.cli("resume", `${id}`);
  expect((await home.reaches(id, "completed")).result).toEqual({
    nothing: true,
    value: { at: [1, null, "ä"] },
  });
  expect(notes(home)).toEqual(["nothing", "value", "wait", "wait"]);
});

describe("a step that fails", () => {
  it("is retried as often as its option retries allows", async ({ home }) => {
    const source = taskModule(`
      return task.step("shaky", (step) => {
        note("try " + step.try);
        if (step.try < 3) throw new Error("not yet");
        return step.try;
      }, { retries: 2 });`);
    const id = await home.run(home.module(source));
    expect((await home.reaches(id, "completed")).result).toBe(3);
    expect(notes(home)).toEqual(["try 1", "try 2", "try 3"]);
  });

  it("fails the task with its error when no retry is left", async ({ home }) => {
    const source = taskModule(
      `await task.step("broken", () => { throw new RangeError("too far"); }, { retries: 1 });`,
    );
    const id = await home.run(home.module(source));
    expect((await home.cli("wait", `${id}`)).code).toBe(1);
    const { state, error } = await home.task(id);
    expect([state, error.name]).toEqual(["failed", "RangeError"]);
    expect(error.message).toContain("too far");
    expect((await home.cli("logs", `${id}`)).stdout).toContain("RangeError: too far");
  });

  it("times out, aborts its signal and is retried", async ({ home }) => {
    const source = taskModule(`
      return task.step("slow", async (step) => {
        step.signal.addEventListener("abort", () => note("aborted " + step.try));
        await delay(step.try === 1 ? 10_000 : 0, undefined, { signal: step.signal });
        return "in time";
      }, { timeout: "150ms", retries: 1 });`);
    const id = await home.run(home.module(source));
    expect((await home.reaches(id, "completed")).result).toBe("in time");
    expect(notes(home)).toEqual(["aborted 1"]);
  });

  it("is not journaled, so the next attempt of the task runs it again", async ({ home }) => {
    const source = taskModule(`
      await task.step("good", () => note("good"));
      await task.step("bad", () => { note("bad"); if (task.attempt === 1) throw new Error("once"); });`);
    const id = await home.run("--retries", "1", "--backoff", "10ms", home.module(source));
    await home.reaches(id, "completed");
    expect(notes(home)).toEqual(["good", "bad", "bad"]);
  });
});

it("refuses a step inside another step", async ({ home }) => {
  const source = taskModule(`await task.step("outer", () => task.step("inner", () => note("inner")));`);
  const id = await home.run(home.module(source));
  const { error } = await home.reaches(id, "failed");
  expect(error.message).toContain('"outer"');
  expect(notes(home)).toEqual([]);
});

it("shows a step by its name while it runs", async ({ home }) => {
  const source = taskModule(`await task.step("read the paper", () => { note("on"); return gate("go"); });`);
  const id = await home.run(home.module(source));
  await noted(home, 1);
  expect((await home.json("show", `${id}`)).activity.running).toMatchObject([{ name: "read the paper" }]);
  open(home);
  await home.reaches(id, "completed");
  const { steps } = await home.json("show", `${id}`);
  expect(steps).toEqual([
    {
      name: "read the paper",
      n: 0,
      startedAt: expect.any(String),
      endedAt: expect.any(String),
      size: expect.any(Number),
      unused: false,
    },
  ]);
});

it("finishes running steps after a request to pause, and starts no new one", async ({ home }) => {
  const source = taskModule(`
    const one = (name) => task.step(name, async () => { note("begin " + name); await gate(name); note("end " + name); });
    await Promise.all([one("a"), one("b").then(() => one("c"))]);`);
  const id = await home.run(home.module(source));
  await noted(home, 2);
  await home.cli("pause", `${id}`, "--no-wait");
  open(home, "b");
  await noted(home, 3);
  await meanwhile(home);
  expect((await home.task(id)).state).toBe("working");
  open(home, "a");
  expect((await home.json("pause", `${id}`)).task.pause.outcome).toBe("cooperative");
  open(home, "c");
  await home.cli("resume", `${id}`);
  await home.reaches(id, "completed");
  expect(notes(home)).toEqual(["begin a", "begin b", "end b", "end a", "begin c", "end c"]);
});

it("replays a journal of 13 MB after a resume, and refuses a result beyond journal.maxBytes", async ({
  home,
}) => {
  const source = taskModule(`
    const lengths = [];
    for (let n = 0; n < 13; n++) {
      const text = await task.step("large", () => { note(n); return String.fromCharCode(97 + n).repeat(1_000_000); });
      lengths.push(text.length + text[0]);
    }
    if (task.attempt === 1) { note("waits"); await gate("never"); }
    await task.step("too much", () => "x".repeat(4_000_000)).catch((error) => note(error.name + ": " + error.message));
    return lengths;`);
  expect((await home.cli("config", "set", "journal.maxBytes", "15MiB")).code).toBe(0);
  const id = await home.run(home.module(source));
  await noted(home, 14);
  await home.cli("pause", `${id}`, "--grace", "0s");
  await home.cli("resume", `${id}`);
  const { result } = await home.reaches(id, "completed");
  expect(result).toEqual([..."abcdefghijklm"].map((letter) => `1000000${letter}`));
  expect(notes(home).slice(14)).toEqual([
    'CheckpointTooLarge: the journal with the result of step "too much" has 17000028 bytes; the largest allowed is 15728640',
  ]);
});
