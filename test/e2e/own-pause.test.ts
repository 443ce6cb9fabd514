/** A task that pauses itself, learns of a pause early, and keeps the session of a step that is interrupted. */
import { describe, expect } from "vitest";
import { type Home, it, RpcError, signalTo, until } from "../harness/index.ts";
import { noted, notes, open, pidOf, speaker, taskModule } from "./story.ts";

describe("task.suspend", () => {
  it("suspends with a cause, a reason and a time, and resumes at that time", async ({ home }) => {
    const source = taskModule(`
      await task.step("before", () => note("before"));
      if (task.attempt === 1)
        await task.suspend({ cause: "limit", reason: "5-hour limit", until: new Date(Date.now() + 2_000) });
      note("after");
      return task.attempt;`);
    const id = await home.run(home.module(source));
    const suspended = await home.reaches(id, "suspended");
    expect(suspended.pause).toMatchObject({
      mode: "checkpoint",
      outcome: "cooperative",
      cause: "limit",
      actor: "task",
      reason: "5-hour limit",
    });
    expect(suspended).toMatchObject({ pid: null, error: null, checkpoint: { label: "pause" } });
    const done = await home.reaches(id, "completed");
    expect(done.result).toBe(2);
    const { events } = await home.json("show", `${id}`);
    const resumed = events.find(({ to }: { to: string }) => to === "resumed");
    expect(Date.parse(resumed.at)).toBeGreaterThanOrEqual(Date.parse(suspended.pause.until));
    expect(notes(home)).toEqual(["before", "after"]);
  });

  it("leaves the step that called it, and waits for a user even across a daemon kill", async ({ home }) => {
    const source = taskModule(`
      const other = task.step("beside", async () => { await gate("go"); note("beside"); });
      const answer = task.step("ask", async (step) => {
        note("kept " + JSON.stringify(step.kept));
        if (step.kept) return step.kept;
        await step.keep({ session: "s1" });
        return await step.suspend({ cause: "mismatch", error: { name: "SessionNotFound", message: "it is gone" } });
      });
      await other;
      return await answer;`);
    const id = await home.run(home.module(source));
    // Running steps end first.
    await until(async () => (await home.json("show", `${id}`)).activity.doing === "pause");
    expect((await home.task(id)).state).toBe("working");
    open(home);
    expect(await home.reaches(id, "suspended")).toMatchObject({
      pause: { cause: "mismatch", until: null, outcome: "cooperative" },
      error: { name: "SessionNotFound", message: "it is gone" },
    });
    await home.killDaemon();
    expect((await home.cli("resume", `${id}`)).code).toBe(0);
    expect(await home.reaches(id, "completed")).toMatchObject({
      result: { session: "s1" },
      error: null,
    });
    expect(notes(home)).toEqual(["kept undefined", "beside", 'kept {"session":"s1"}']);
  });

  it("refuses an unknown cause, and accepts a program's request on the socket", async ({ home }) => {
    const { id, token } = await speaker(home);
    const refused = await home.rpc("attempt/suspend", { token, cause: "user" }).catch((error) => error);
    expect(refused).toBeInstanceOf(RpcError);
    expect(refused.data.field).toBe("cause");
    await home.rpc("attempt/suspend", { token, cause: "budget", reason: "$5 are spent" });
    expect((await home.reaches(id, "suspended")).pause).toMatchObject({
      cause: "budget",
      reason: "$5 are spent",
      until: null,
    });
    expect((await home.cli("show", `${id}`)).stdout).toContain("budget is used up");
  });
});

/** A step with a session. It keeps the session's id, and stops at a safe point after a request to pause. */
const withSession = taskModule(`
  return await task.step("agent", async (step) => {
    const session = (step.kept as string) ?? "session of attempt " + task.attempt;
    note("begins with " + step.kept);
    await step.keep("draft");
    await step.keep(session);
    note("kept");
    while (!existsSync("go")) {
      if (task.pausing.aborted && input !== "deaf") {
        note("leaves");
        await step.safePoint();
      }
      await delay(5);
    }
    return session;
  });`);

const first = ["begins with undefined", "kept"];
const again = ["begins with session of attempt 1", "kept"];

async function completes(home: Home, id: number): Promise<void> {
  open(home);
  expect(await home.reaches(id, "completed")).toMatchObject({ result: "session of attempt 1", attempt: 2 });
}

describe("a value that a step keeps", () => {
  it("reaches the next attempt after a pause in the middle of the step", async ({ home }) => {
    const id = await home.run(home.module(withSession));
    await noted(home, 2);
    const { task } = await home.json("pause", `${id}`);
    expect(task.pause.outcome).toBe("cooperative");
    expect(notes(home)).toEqual([...first, "leaves"]);
    await home.cli("resume", `${id}`);
    await noted(home, 5);
    await completes(home, id);
    expect(notes(home)).toEqual([...first, "leaves", ...again]);
  });

  it("reaches the next attempt after a forced pause and after its host was killed", async ({ home }) => {
    const path = home.module(withSession);
    const id = await home.run("--retries", "1", "--backoff", "1ms", path, "--input", '"deaf"');
    await noted(home, 2);
    signalTo(await pidOf(home, id), "SIGKILL");
    await noted(home, 4);
    expect((await home.json("pause", `${id}`, "--grace", "0s")).task.pause.outcome).toBe("forced");
    await home.cli("resume", `${id}`);
    await noted(home, 6);
    open(home);
    expect(await home.reaches(id, "completed")).toMatchObject({ result: "session of attempt 1", attempt: 3 });
    expect(notes(home)).toEqual([...first, ...again, ...again]);
  });

  it("reaches the next attempt after daemon and host were killed, but not with --from-start", async ({
    home,
  }) => {
    const id = await home.run(home.module(withSession));
    await noted(home, 2);
    const pid = await pidOf(home, id);
    await home.killDaemon();
    signalTo(pid, "SIGKILL");
    await home.cli("list");
    await noted(home, 4);
    await home.cli("pause", `${id}`);
    await home.cli("resume", `${id}`, "--from-start");
    await noted(home, 7);
    expect(notes(home)).toEqual([...first, ...again, "leaves", ...first]);
    open(home);
    expect((await home.reaches(id, "completed")).result).toBe("session of attempt 3");
  });

  it("stays with the step's name and number if a checkpoint is saved meanwhile", async ({ home }) => {
    const source = taskModule(`
      note("from " + task.checkpoint);
      const names = await task.step("set up", () => ["a", "b"]);
      const agents = names.map((name) => task.step("agent", async (step) => {
        if (step.kept === undefined) await step.keep(name);
        note(name + " kept " + step.kept);
        await gate("go");
        return step.kept;
      }));
      if (task.checkpoint === undefined) {
        await gate("save");
        await task.save("beside");
        note("saved");
      }
      return await Promise.all(agents);`);
    const id = await home.run(home.module(source));
    await noted(home, 3);
    open(home, "save");
    await noted(home, 4);
    await home.cli("pause", `${id}`, "--grace", "0s");
    await home.cli("resume", `${id}`);
    await noted(home, 7);
    open(home);
    expect((await home.reaches(id, "completed")).result).toEqual(["a", "b"]);
    expect(notes(home).slice(-3).sort()).toEqual(["a kept a", "b kept b", "from beside"]);
  });
});
