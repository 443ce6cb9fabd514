import { describe, expect } from "vitest";
import { AgentctlError } from "../../../src/core/errors.ts";
import { Link } from "../../../src/sdk/link.ts";
import { until } from "../../harness/until.ts";
import { it } from "./attempt.ts";

describe("a task whose daemon dies", () => {
  it("continues with the next daemon, and repeats what was not acknowledged", async ({ attempts }) => {
    const { task } = await attempts.next();
    const { daemon } = attempts;
    daemon.stall("attempt/step");
    daemon.stall("attempt/checkpoint");
    let ran = 0;
    const step = task.step("a", () => ++ran);
    await until(() => daemon.steps.length === 1);
    const save = task.save("s");
    await until(() => daemon.checkpoints.length === 1);
    await daemon.kill();
    daemon.unstall();
    const later = task.step("b", () => ++ran);
    await daemon.start();
    expect([await step, await later]).toEqual([1, 2]);
    await save;
    expect(daemon.steps).toEqual(["a", "b"]);
    expect(daemon.checkpoints).toHaveLength(1);
  });

  it("tells the next daemon which steps run, and asks whether it must still pause", async ({ attempts }) => {
    const { task, session } = await attempts.next();
    const { daemon } = attempts;
    void task.step("runs", () => new Promise(() => {}));
    daemon.notify("attempt/pause", { graceMs: 1000, over: false });
    await until(() => session.calls.isPausing);
    const next = task.step("next", () => 1);
    await daemon.kill();
    daemon.requests.length = 0;
    await daemon.start();
    expect(await next).toBe(1);
    expect(daemon.sent("attempt/step")[0]).toEqual({ name: "runs", n: 0, base: 0, call: 0, started: true });
  });

  it("resumes with a journal far larger than the largest request", async ({ attempts }) => {
    const { daemon } = attempts;
    const value = "x".repeat(6 * 1024 * 1024);
    const key = { kind: "step", name: "big", base: 0, alone: true } as const;
    for (let n = 0; n < 3; n++) daemon.journal.push({ ...key, n, call: n, value });
    const { task } = await attempts.next();
    expect(await task.step("big", () => "again")).toBe(value);
  });

  it("waits while the store is full", async ({ attempts }) => {
    const { task } = await attempts.next();
    let refusals = 2;
    const { daemon } = attempts;
    daemon.answers.set("attempt/checkpoint", () => {
      if (refusals-- > 0) throw new AgentctlError("StoreUnavailable", { reason: "disk full" });
      return { seq: 1 };
    });
    await task.save(1);
    expect(daemon.sent("attempt/checkpoint")).toHaveLength(3);
  });
});

describe("an attempt that was superseded", () => {
  it("learns this at hello or at any call, and does nothing more", async ({ attempts }) => {
    const { task } = await attempts.next();
    attempts.daemon.answers.set("attempt/step", () => {
      throw new AgentctlError("StaleAttempt", { id: 7 });
    });
    let hasEnded = false;
    void task
      .step("a", () => 1)
      .finally(() => {
        hasEnded = true;
      });
    await until(() => attempts.stale.length > 0);
    attempts.daemon.answers.set("attempt/hello", () => {
      throw new AgentctlError("StaleAttempt", { id: 7 });
    });
    let isStale = false;
    new Link({ socket: attempts.daemon.socket, token: "old", sdk: "0", onStale: () => (isStale = true) });
    await until(() => isStale);
    expect(hasEnded).toBe(false);
  });
});

it("a host without a task gives up when no daemon comes", async ({ attempts }) => {
  attempts.daemon.isAssigned = false;
  let isAbandoned = false;
  const link = new Link({
    socket: attempts.daemon.socket,
    token: "t",
    sdk: "0",
    onStale: () => {},
    onAbandoned: () => (isAbandoned = true),
    abandonAfterMs: 200,
  });
  await until(() => attempts.daemon.sent("attempt/hello").length === 1);
  expect(isAbandoned).toBe(false);
  await attempts.daemon.kill();
  await until(() => isAbandoned);
  link.close();
});
