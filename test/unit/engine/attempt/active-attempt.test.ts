import { expect, test } from "vitest";
import { AgentctlError } from "../../../../src/core/errors.ts";
import type { Intent, PauseIntent, Task } from "../../../../src/core/task.ts";
import { ActiveAttempt, type Phase } from "../../../../src/engine/attempt/active-attempt.ts";
import type { Running } from "../../../../src/runner/index.ts";

const begun = { taskId: 1, n: 1, token: "t", runKey: "1.1", saidHello: false, result: null };
const task = {
  kind: "program" as const,
  argv: ["sleep"] as string[],
  module: null,
  intent: null,
  frozen: false,
  checkpoint: null,
  journaled: false,
};
/** A process of which no field is used. */
const running = { key: "1.1", token: "t" } as unknown as Running;

const pause: PauseIntent = {
  kind: "pause",
  mode: "checkpoint",
  cause: "user",
  actor: "user",
  reason: null,
  until: null,
  group: null,
  graceMs: 0,
  requestedAt: 0,
  checkpointSeq: 0,
};
const intents: Record<Intent["kind"], Intent> = {
  pause,
  cancel: { kind: "cancel", actor: "user", reason: null, graceMs: 0 },
  timeout: { kind: "timeout" },
  leave: { kind: "leave", to: "sleep", until: null },
};
const kinds = Object.keys(intents) as Intent["kind"][];
const phases: readonly Phase[] = ["launching", "running", "frozen", "ending"];

function attemptIn(phase: Phase, intent: Intent | null = null): ActiveAttempt {
  const active = new ActiveAttempt(begun, { ...task, intent }, 100);
  if (phase !== "launching") active.setProcess(running);
  if (phase === "frozen") active.markFrozen();
  if (phase === "ending") active.markEnding(150);
  expect(active.phase).toBe(phase);
  return active;
}

/** The allowed requests: phase, current intent, requested intent. All other combinations are refused. */
const allowed = new Set([
  ...phases.filter((phase) => phase !== "ending").map((phase) => `${phase} nothing pause`),
  ...phases.flatMap((phase) => ["nothing", ...kinds].map((kind) => `${phase} ${kind} cancel`)),
  "launching nothing timeout",
  "running nothing timeout",
  ...phases.map((phase) => `${phase} nothing leave`),
]);
const pairs = phases.flatMap((phase) =>
  [null, ...kinds].flatMap((current) => kinds.map((kind) => [phase, current, kind] as const)),
);

test.each(pairs)(
  "in phase %s with intent %s, a request for %s is allowed or refused as in the table",
  (phase, current, kind) => {
    const active = attemptIn(phase, current && intents[current]);
    const isAllowed = allowed.has(`${phase} ${current ?? "nothing"} ${kind}`);
    expect(active.canRequest(kind)).toBe(isAllowed);
    expect(active.request({ ...intents[kind] })).toBe(isAllowed);
    const before = current ? intents[current] : null;
    expect(active.intent).toEqual(isAllowed ? intents[kind] : before);
  },
);

test("an attempt moves from launching through running and frozen to its end, which comes once", () => {
  const active = attemptIn("launching");
  active.setProcess(running);
  expect([active.phase, active.frozen]).toEqual(["running", false]);
  active.markFrozen();
  expect([active.phase, active.frozen]).toEqual(["frozen", true]);
  active.markThawed();
  expect([active.phase, active.frozen]).toEqual(["running", false]);
  expect(active.markEnding(160)).toBe(true);
  expect([active.phase, active.workedMs]).toEqual(["ending", 60]);
  expect(active.markEnding(170)).toBe(false);
  expect(active.workedMs).toBe(60);
});

test("an attempt that ends while it is frozen stays frozen until it is thawed", () => {
  const active = attemptIn("frozen");
  active.markEnding(150);
  expect([active.phase, active.frozen]).toEqual(["ending", true]);
  active.markThawed();
  expect([active.phase, active.frozen]).toEqual(["ending", false]);
  active.markFrozen();
  expect([active.phase, active.frozen]).toEqual(["ending", true]);
});

test("an attempt that an earlier daemon froze is frozen before its process is found", () => {
  const active = new ActiveAttempt(begun, { ...task, frozen: true }, 0);
  expect([active.phase, active.frozen]).toEqual(["frozen", true]);
  active.setProcess(running);
  expect(active.phase).toBe("frozen");
  active.markThawed();
  expect(active.phase).toBe("running");
});

test("a caller that waits for a pause learns how it ends, and a cancel that overtook it stays", async () => {
  const active = attemptIn("running");
  active.request(pause);
  const failed = active.pausing?.promise;
  active.request(intents.cancel);
  active.failPause(new AgentctlError("TaskNotPausable", { id: 1, state: "working" }));
  await expect(failed).rejects.toThrow("task 1");
  expect([active.intent?.kind, active.pausing]).toEqual(["cancel", null]);

  const other = attemptIn("running");
  other.request(pause);
  const paused = other.pausing?.promise;
  const suspended = { id: 1, state: "suspended" } as Task;
  other.finishPause(suspended);
  expect(await paused).toBe(suspended);
});

test("after a failed pause there is no intent, and another pause may be requested", () => {
  const active = attemptIn("running");
  active.request(pause);
  active.failPause(new AgentctlError("StoreUnavailable", {}));
  expect(active.intent).toBeNull();
  expect(active.request(pause)).toBe(true);
});
