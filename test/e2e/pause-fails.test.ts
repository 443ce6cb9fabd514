import { describe, expect } from "vitest";
import { it, sqlite, until } from "../harness/index.ts";
import { history, noted, notes, open, pidOf, taskModule, ticking, twelveSteps, upTo } from "./story.ts";

/** SQL that makes the store refuse the given change until the trigger is dropped. */
const refuse = (what: string) =>
  `create trigger refusal before ${what} begin select raise(abort, 'no room'); end`;
const allow = "drop trigger refusal";

describe("a failed pause", () => {
  it("leaves a module working if its checkpoint cannot be stored", async ({ home }) => {
    const id = await home.run(home.module(twelveSteps), "--input", "3");
    await noted(home, 3);
    sqlite(home, refuse("insert on checkpoints"));
    await home.cli("pause", `${id}`, "--no-wait");
    const pausing = home.cli("pause", `${id}`);
    open(home);
    expect((await pausing).code).not.toBe(0);
    await home.reaches(id, "completed");
    sqlite(home, allow);
    expect(notes(home)).toEqual(upTo(12));
    expect(await history(home, id)).toEqual(["submitted", "working", "completed"]);
  });

  it("keeps the time limit of its task", async ({ home }) => {
    const source = taskModule(`
      await task.step("one", () => { note("one"); return gate("go"); });
      await task.step("two", () => { note("two"); return gate("never"); });`);
    const id = await home.run("--timeout", "3s", home.module(source));
    await noted(home, 1);
    sqlite(home, refuse("insert on checkpoints"));
    await home.cli("pause", `${id}`, "--no-wait");
    await until(async () => (await home.task(id)).runMs > 3_100);
    open(home);
    await noted(home, 2);
    sqlite(home, allow);
    expect((await home.reaches(id, "failed")).error.name).toBe("TimedOut");
  });

  it("lets a program continue if its freeze cannot be recorded", async ({ home }) => {
    const id = await home.run("sh", "-c", ticking);
    await noted(home, 5, "ticks");
    sqlite(home, refuse("insert on events when new.to_state = 'suspended'"));
    expect((await home.cli("pause", `${id}`)).code).not.toBe(0);
    sqlite(home, allow);
    expect(await home.task(id)).toMatchObject({ state: "working", pause: null, error: null });
    await noted(home, notes(home, "ticks").length + 5, "ticks");
    expect((await home.json("pause", `${id}`)).task.state).toBe("suspended");
  });

  it("leaves a task working if the request cannot be recorded", async ({ home }) => {
    const id = await home.run("sh", "-c", ticking);
    const pid = await pidOf(home, id);
    await noted(home, 1, "ticks");
    sqlite(home, refuse("update of intent on tasks when new.intent is not null"));
    expect((await home.cli("pause", `${id}`)).code).not.toBe(0);
    sqlite(home, allow);
    expect(await home.task(id)).toMatchObject({ state: "working", pid });
    await noted(home, notes(home, "ticks").length + 5, "ticks");
  });
});

it("keeps a task suspended if its resume cannot be queued", async ({ home }) => {
  const id = await home.run("sh", "-c", ticking);
  await noted(home, 1, "ticks");
  await home.cli("pause", `${id}`);
  sqlite(home, refuse("insert on events when new.to_state = 'resumed'"));
  expect((await home.cli("resume", `${id}`)).code).not.toBe(0);
  sqlite(home, allow);
  expect((await home.task(id)).state).toBe("suspended");
  open(home);
  await home.cli("resume", `${id}`);
  expect((await home.cli("wait", `${id}`)).code).toBe(7);
});

describe("a daemon killed during a request", () => {
  const sixSteps = taskModule(`
    for (let n = 1; n <= 6; n++) await task.step("step " + n, async () => { note(n); if (n === 3) await gate("go"); });`);
  const deaths = [
    ["pause", "intend:before-commit"],
    ["pause", "pause:after-request"],
    ["pause", "suspended:before-end"],
    ["pause", "finish:before-commit"],
    ["resume", "resume:before-commit"],
    ["resume", "resume:after-commit"],
    ["resume", "start:before-launch"],
    ["resume", "start:after-launch"],
  ] as const;

  it.for(deaths)(
    "leaves the task suspended or runnable and runs each step once: %s at %s",
    async ([verb, point], { home }) => {
      const id = await home.run(home.module(sixSteps));
      await noted(home, 3);
      if (verb === "resume") {
        await home.cli("pause", `${id}`, "--no-wait");
        open(home);
        await home.reaches(id, "suspended");
      }
      await home.cli("daemon", "restart", { env: { AGENTCTL_FAULT: point } });
      const pid = await home.daemonPid();
      await home.cli(verb, `${id}`, ...(verb === "pause" ? ["--no-wait"] : []));
      open(home);
      await until(async () => (await home.daemonPid()) !== pid, { message: `the death at ${point}` });
      await until(async () => ["suspended", "completed"].includes((await home.json("show", `${id}`)).state));
      await home.cli("resume", `${id}`);
      expect((await home.cli("wait", `${id}`)).code).toBe(0);
      expect([...notes(home)].sort()).toEqual(upTo(6));
    },
  );
});
