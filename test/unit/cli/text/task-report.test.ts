import { expect, test } from "vitest";
import { plainPaint } from "../../../../src/cli/text/paint.ts";
import { taskReport } from "../../../../src/cli/text/report/task-report.ts";
import { taskTable } from "../../../../src/cli/text/task-table.ts";
import { aTask, NOW } from "../fixtures.ts";

const gone = "the process is gone without a trace";
const lost = aTask({
  state: "suspended",
  error: { name: "ProcessLost", code: null, message: gone, data: null },
  pause: {
    mode: "freeze",
    outcome: null,
    cause: "lost",
    actor: "daemon",
    reason: gone,
    at: "2026-05-01T12:29:00.000Z",
    until: null,
  },
});

test("a table row says only once why a task is suspended", () => {
  const [, line] = taskTable([lost], { now: NOW, columns: undefined, paint: plainPaint });
  expect(line?.split(gone).length).toBe(2);
  const report = taskReport(lost, NOW, plainPaint);
  expect(report.filter((each) => each.includes(gone))).toEqual([
    `  its process was lost (${gone})`,
    `error       ProcessLost: ${gone}`,
  ]);
});

test("the line about the pause says why the task could not be started at its resume", () => {
  const message = "cannot start /m.ts: there is no such file";
  const pause = {
    ...lost.pause,
    mode: "checkpoint",
    outcome: "cooperative",
    cause: "user",
    actor: "ada",
    reason: null,
  };
  const error = { name: "CannotStart", code: null, message, data: null };
  const [, line] = taskReport({ ...lost, pause, error } as typeof lost, NOW, plainPaint);
  expect(line).toBe(`  paused by ada (cooperative, ${message})`);
});

test("the suggested resume has --from-start if the frozen process is gone", () => {
  const frozen = { ...lost, pause: { ...lost.pause, outcome: "frozen" as const, cause: "user" as const } };
  const says = (task: typeof lost) => taskReport(task, NOW, plainPaint)[2];
  expect(says(frozen as typeof lost)).toBe("  agentctl resume 12");
  expect(says({ ...frozen, pause: { ...frozen.pause, cause: "lost" } } as typeof lost)).toBe(
    "  agentctl resume 12 --from-start",
  );
});

test("the heading is short and has the state, and the whole command is printed once", () => {
  const argv = ["sh", "-c", "x".repeat(3000)];
  const working = aTask({ argv, state: "working", attempt: 1, pid: 4711 });
  const heads = (columns?: number, changes = {}) =>
    taskReport({ ...working, ...changes }, NOW, plainPaint, columns).slice(0, 2);
  expect(heads()).toEqual([`task 12 sh -c ${"x".repeat(53)}…: working, attempt 1, pid 4711`, ""]);
  expect(heads(80)[0]).toMatch(/^task 12 sh -c x+…: working, attempt 1, pid 4711$/);
  expect(heads(80)[0]).toHaveLength(80);
  expect(heads(40)).toEqual([`task 12 sh -c ${"x".repeat(16)}…: working`, "  attempt 1, pid 4711"]);
  expect(heads(40, { name: "short" })[0]).toBe("task 12 short: working");
  expect(heads(80, { name: "short" })[0]).toBe("task 12 short: working, attempt 1, pid 4711");
  const whole = taskReport(working, NOW, plainPaint, 80).filter((line) => line.includes("x".repeat(3000)));
  expect(whole).toEqual([`runs        sh -c ${"x".repeat(3000)}`]);
});

test("the entries of a list are aligned, and only the newest are shown", () => {
  const events = Array.from({ length: 22 }, (_, index) => ({
    seq: index + 80,
    at: "2026-05-01T12:25:00.000Z",
    task: 12,
    attempt: index < 20 ? null : 1,
    from: index === 0 ? null : ("submitted" as const),
    to: index === 21 ? ("working" as const) : ("submitted" as const),
    cause: "hold",
    actor: "ada",
    data: null,
  }));
  const report = taskReport({ ...aTask(), events }, NOW, plainPaint);
  const list = report
    .slice(report.indexOf("Events") + 1)
    .map((line) => line.replace(/\d\d:\d\d:\d\d/, "TIME"));
  expect([list.length, ...list.slice(0, 3), ...list.slice(-2)]).toEqual([
    21,
    "  … 2 older, with --json",
    "   82  TIME  submitted            hold, ada",
    "   83  TIME  submitted            hold, ada",
    "  100  TIME  submitted            hold, ada, attempt 1",
    "  101  TIME  submitted → working  hold, ada, attempt 1",
  ]);
});

test("options show what a person gave, in readable form, without a shell's defaults", () => {
  const inherited = { umask: 0o022, nice: 0, limits: { nofile: [1024, null] } };
  const notBefore = Date.parse("2026-05-01T12:40:00.000Z");
  const optionsOf = (options: Record<string, unknown>) =>
    taskReport({ ...aTask(), options }, NOW, plainPaint)
      .find((line) => line.startsWith("options"))
      ?.replace(/\d\d:\d\d:\d\d/, "TIME");
  expect(optionsOf({ inherited })).toBeUndefined();
  expect(optionsOf({ notBefore, graceMs: 90_000, inherited: { ...inherited, umask: 0o077 } })).toBe(
    "options     at=TIME grace=1m 30s umask=077",
  );
});
