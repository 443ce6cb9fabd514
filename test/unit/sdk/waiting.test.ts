import { describe, expect } from "vitest";
import { AgentctlError } from "../../../src/core/errors.ts";
import { until } from "../../harness/until.ts";
import { it } from "./attempt.ts";

describe("a sleep", () => {
  it("that is short happens in the process, and only once", async ({ attempts }) => {
    const first = await attempts.next();
    await first.task.sleep(30);
    const second = await attempts.next();
    await second.task.sleep("30ms");
    expect(attempts.daemon.sent("attempt/sleep")).toEqual([{ n: 0, base: 0, call: 0, alone: true, ms: 30 }]);
    expect(attempts.daemon.sent("attempt/suspended")).toEqual([]);
  });

  it("that is long ends the attempt once nothing else is in flight", async ({ attempts }) => {
    const attempt = await attempts.next();
    const { task } = attempt;
    let finish = () => {};
    const slow = task.step("slow", () => new Promise<void>((resolve) => (finish = resolve)));
    void task.sleep("2h");
    void task.sleep("1h");
    await until(() => attempts.daemon.journal.length === 2);
    await task.artifact("a round trip", "x");
    expect(attempt.hasLeft).toBe(false);
    finish();
    await slow;
    await until(() => attempt.hasLeft);
    const until1h = new Date(attempts.daemon.journal[1]?.value as number).toISOString();
    expect(attempts.daemon.sent("attempt/suspended")).toEqual([{ for: "sleep", until: until1h }]);
    expect(attempts.daemon.steps).toEqual(["slow"]);
  });

  it("that was not over when its attempt ended also ends the next attempt, until the same time", async ({
    attempts,
  }) => {
    const first = await attempts.next();
    void first.task.sleep("1h");
    await until(() => first.hasLeft);
    const second = await attempts.next();
    void second.task.sleep("1h");
    await until(() => second.hasLeft);
    const [one, other] = attempts.daemon.sent("attempt/suspended");
    expect(other).toEqual(one);
    expect(attempts.daemon.journal).toHaveLength(1);
  });

  it("continues in the process if leaving is refused", async ({ attempts }) => {
    const attempt = await attempts.next();
    const end = new Date(Date.now() + 5_400).toISOString();
    attempts.daemon.answers.set("attempt/sleep", () => ({ until: end }));
    attempts.daemon.answers.set("attempt/suspended", () => {
      throw new AgentctlError("StoreUnavailable");
    });
    await attempt.task.sleep("6s");
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(end));
    expect(attempts.daemon.sent("attempt/suspended")).toHaveLength(1);
  }, 15_000);

  it("accepts only a duration", async ({ attempts }) => {
    const { task } = await attempts.next();
    await expect(task.sleep("a while")).rejects.toThrow(
      "it takes 500ms, 90s, 15m, 2h, 3d, 1h30m, or a number",
    );
    await expect(task.sleep(Number.NaN)).rejects.toThrow("is NaN");
  });
});

describe("a question", () => {
  it("ends the attempt once nothing else is in flight, and the next attempt has the answer", async ({
    attempts,
  }) => {
    const first = await attempts.next();
    void first.task.ask("Publish?", { choices: ["yes", "no"], timeout: "1h", default: "no" });
    await until(() => first.hasLeft);
    const key = { n: 0, base: 0, call: 0, alone: true };
    expect(attempts.daemon.sent("attempt/ask")).toEqual([
      { ...key, prompt: "Publish?", choices: ["yes", "no"], timeoutMs: 3_600_000, default: "no" },
    ]);
    expect(attempts.daemon.sent("attempt/suspended")).toEqual([{ for: "ask" }]);
    attempts.daemon.answer("yes");
    expect(await (await attempts.next()).task.ask("Publish?")).toBe("yes");
  });

  it("is answered in a live attempt by notification", async ({ attempts }) => {
    const { task } = await attempts.next();
    const slow = task.step("slow", () =>
      until(() => attempts.daemon.journal.some(({ kind }) => kind === "ask")),
    );
    const answer = task.ask("Publish?");
    await until(() => attempts.daemon.question);
    attempts.daemon.answer("no");
    expect(await answer).toBe("no");
    await slow;
    expect(attempts.daemon.sent("attempt/suspended")).toEqual([]);
  });

  it("is asked again after a reconnect, to get an answer that came meanwhile", async ({ attempts }) => {
    const { task } = await attempts.next();
    void task.step("holds the attempt", () => new Promise(() => {}));
    const answer = task.ask("Publish?");
    await until(() => attempts.daemon.question);
    await attempts.daemon.kill();
    attempts.daemon.answer("yes");
    await attempts.daemon.start();
    expect(await answer).toBe("yes");
  });

  it("is refused while another is open, and accepted afterwards", async ({ attempts }) => {
    const { task } = await attempts.next();
    attempts.daemon.answers.set("attempt/suspended", () => {
      throw new AgentctlError("UnsupportedOperation", { reason: "not now" });
    });
    const first = task.ask("First?");
    await expect(task.ask("Second?")).rejects.toThrow(
      'task.ask("Second?") while "First?" waits for its answer',
    );
    await until(() => attempts.daemon.question);
    attempts.daemon.answer("1");
    expect(await first).toBe("1");
    const second = task.ask("Second?");
    await until(() => attempts.daemon.question);
    attempts.daemon.answer("2");
    expect(await second).toBe("2");
  });

  it("with invalid options is refused", async ({ attempts }) => {
    const { task } = await attempts.next();
    await expect(task.ask("")).rejects.toThrow("a prompt must be a string");
    await expect(task.ask("?", { choices: [] })).rejects.toThrow("choices is a list of at least one text");
    await expect(task.ask("?", { timeout: "1s" })).rejects.toThrow("a timeout needs a default");
    await expect(task.ask("?", { choices: ["a"], default: "b" })).rejects.toThrow(
      '"b" is not one of the choices',
    );
  });
});

describe("a task", () => {
  it("gets its messages once, even across attempts", async ({ attempts }) => {
    attempts.daemon.messages = ["one", "two"];
    const first = await attempts.next();
    expect(await first.task.messages()).toEqual(["one", "two"]);
    attempts.daemon.messages.push("three");
    const { task } = await attempts.next();
    expect([await task.messages(), await task.messages(), await task.messages()]).toEqual([
      ["one", "two"],
      ["three"],
      [],
    ]);
  });

  it("reports its latest progress, and never fails because of it", async ({ attempts }) => {
    const { task, session } = await attempts.next();
    for (let done = 1; done <= 50; done++) task.progress(done, 50, "x".repeat(2000));
    for (const none of [Number.NaN, -1]) task.progress(none);
    await session.progress.flush();
    const sent = attempts.daemon.sent("attempt/progress");
    expect(sent.map(({ done }) => done)).toEqual([1, 50]);
    expect(sent[1].message).toHaveLength(1000);
  });

  it("keeps a text or a file as an artifact, and refuses other content", async ({ attempts }) => {
    const { task } = await attempts.next();
    await task.artifact("report.txt", "text");
    await task.artifact("file", { path: "package.json" });
    const [report, file] = attempts.daemon.sent("attempt/artifact");
    expect(report.path.startsWith(`${task.dir}/.artifact-`)).toBe(true);
    expect(file.path).toBe(`${process.cwd()}/package.json`);
    await expect(task.artifact("x", 5 as never)).rejects.toThrow(
      "content must be a string, a Uint8Array or { path }",
    );
  });

  it("writes lines to its log", async ({ attempts }) => {
    const { task, lines } = await attempts.next();
    const { log } = task;
    log("a %d", 1, { b: 2 });
    expect(lines).toEqual(["a 1 { b: 2 }"]);
  });
});
