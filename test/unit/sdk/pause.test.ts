import { describe, expect } from "vitest";
import { AgentctlError } from "../../../src/core/errors.ts";
import type { Task } from "../../../src/sdk/api.ts";
import { until } from "../../harness/until.ts";
import { it } from "./attempt.ts";

const ask = { graceMs: 1000, over: false };

const calls: [string, (task: Task) => Promise<unknown>][] = [
  ["step", (task) => task.step("next", () => 1)],
  ["save", (task) => task.save("last")],
  ["sleep", (task) => task.sleep(10)],
  ["ask", (task) => task.ask("go on?")],
  ["messages", (task) => task.messages()],
];

describe("a pause takes effect at the next call, which does not return", () => {
  for (const [name, call] of calls)
    it(name, async ({ attempts }) => {
      const attempt = await attempts.next();
      expect(attempt.task.checkpoint).toBeUndefined();
      await attempt.task.save("first");
      attempts.daemon.notify("attempt/pause", ask);
      await until(() => attempt.session.calls.isPausing);
      let hasReturned = false;
      void call(attempt.task).finally(() => {
        hasReturned = true;
      });
      await until(() => attempt.hasLeft);
      const saved = name === "save" ? { base: 2, value: "last" } : { base: 1, value: "first" };
      expect(attempts.daemon.sent("attempt/suspended")).toEqual([{ for: "pause", ...saved }]);
      expect(attempts.daemon.journal).toEqual([]);
      expect(hasReturned).toBe(false);
    });
});

describe("a pause", () => {
  it("waits for the steps in flight, and keeps their results", async ({ attempts }) => {
    const { task, session } = await attempts.next();
    let finish = () => {};
    const slow = task.step("slow", () => new Promise<void>((resolve) => (finish = resolve)));
    attempts.daemon.notify("attempt/pause", ask);
    await until(() => session.calls.isPausing);
    void task.step("next", () => 1);
    await task.artifact("a round trip", "x");
    expect(attempts.daemon.sent("attempt/suspended")).toEqual([]);
    finish();
    await slow;
    await until(() => attempts.daemon.sent("attempt/suspended").length === 1);
    expect(attempts.daemon.steps).toEqual(["slow"]);
  });

  it("also takes effect at a call that the journal answers", async ({ attempts }) => {
    const first = await attempts.next();
    await first.task.step("a", () => 1);
    attempts.daemon.pausing = true;
    const second = await attempts.next();
    void second.task.step("a", () => 1);
    await until(() => second.hasLeft);
    expect(attempts.daemon.sent("attempt/suspended")).toEqual([{ for: "pause", base: 0 }]);
  });

  it("takes effect during a sleep in the process and during a wait for the next try", async ({
    attempts,
  }) => {
    const waits: ((task: Task) => Promise<unknown>)[] = [
      (task) => task.sleep("4s"),
      (task) => task.step("fails", () => Promise.reject(new Error("down")), { retries: 20 }),
    ];
    for (const wait of waits) {
      attempts.daemon.journal.length = 0;
      const attempt = await attempts.next();
      void wait(attempt.task).catch(() => {});
      await until(() =>
        [...attempt.session.calls.flights].some(({ state }) => /sleeping|retrying/.test(state)),
      );
      attempts.daemon.notify("attempt/pause", ask);
      await until(() => attempt.hasLeft);
    }
  });

  it("begins no further try of a step that failed", async ({ attempts }) => {
    const attempt = await attempts.next();
    let tries = 0;
    const failing = () => {
      tries++;
      throw new Error("down");
    };
    void attempt.task.step("fails", failing, { retries: 20 }).catch(() => {});
    await until(() => tries === 1);
    attempts.daemon.notify("attempt/pause", ask);
    await until(() => attempt.hasLeft);
    await until(() => [...attempt.session.calls.flights].every(({ state }) => state === "parked"));
    expect(tries).toBe(1);
  });

  it("that fails is dropped: the calls continue as if nothing had happened", async ({ attempts }) => {
    const { task, session, hasLeft } = await attempts.next();
    attempts.daemon.answers.set("attempt/suspended", () => {
      throw new AgentctlError("StoreUnavailable", { reason: "disk full" });
    });
    attempts.daemon.notify("attempt/pause", ask);
    await until(() => session.calls.isPausing);
    expect(await Promise.all([task.step("a", () => 1), task.step("b", () => 2)])).toEqual([1, 2]);
    expect(await task.step("c", () => 3)).toBe(3);
    expect(attempts.daemon.sent("attempt/suspended")).toHaveLength(1);
    expect(hasLeft).toBe(false);
  });

  it("aborts the signal when its grace time is over, and a cancel aborts it at once", async ({
    attempts,
  }) => {
    const paused = await attempts.next();
    attempts.daemon.notify("attempt/pause", { graceMs: 0, over: true });
    await until(() => paused.task.signal.aborted);
    const canceled = await attempts.next();
    attempts.daemon.notify("attempt/cancel", { graceMs: 0 });
    await until(() => canceled.task.signal.aborted);
    expect(attempts.daemon.sent("attempt/suspended")).toEqual([]);
  });
});
