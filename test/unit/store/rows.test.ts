import { describe, expect, test } from "vitest";
import type { Task } from "../../../src/core/task.ts";
import { wakeAt } from "../../../src/store/rules/attention.ts";
import { changedCells, taskCells, taskColumns, toTask } from "../../../src/store/sql/rows.ts";
import { checkpoint, pauseIntent, task } from "../engine/tasks.ts";

const pause = {
  ...{ mode: "checkpoint" as const, outcome: null, cause: "user" as const, actor: "ada" },
  ...{ reason: null, at: 1, until: 30, group: null },
};
const pauseAt = { at: 20, mode: "auto" as const, graceMs: null, until: null, actor: "ada", reason: null };
const question = {
  ...{ prompt: "?", at: 1, choices: null, deadline: 10, fallback: null, call: 0, alone: true },
  key: { kind: "ask" as const, name: "?", n: 0, base: 0 },
};

test("a task is the same after it was stored as a row", () => {
  const given = task({
    ...{
      held: true,
      frozen: true,
      journaled: true,
      blockedBy: 3,
      after: [{ id: 3, when: "ended" as const }],
      labels: { "": "\u2028" },
      argv: ["", "a\tb"],
    },
    ...{
      input: false,
      result: 0,
      checkpoint: checkpoint(3),
      intent: pauseIntent(),
      pause,
      pauseAt,
      question,
    },
    ...{ name: "x", notBefore: 5, delay: "backoff", error: { name: "X", code: 1, message: "", data: {} } },
  });
  expect(toTask(taskCells(given))).toEqual(given);
});

test("each field has its column", () => {
  expect(taskColumns.length).toBe(Object.keys(task()).length + 1);
  expect(taskColumns).toContain("wake_at");
});

test("only changed fields are written", () => {
  const before = task();
  expect(changedCells(before, { ...before, exitCode: 3, held: true })).toEqual({ exit_code: 3, held: 1 });
  expect(changedCells(before, { ...before })).toEqual({});
});

test("a field that changes the wake-up time writes wake_at too", () => {
  const before = task({ state: "submitted" });
  expect(changedCells(before, { ...before, notBefore: 7 })).toEqual({ not_before: 7, wake_at: 7 });
});

describe("the wake-up time of a task", () => {
  const all = { notBefore: 5, pause, pauseAt, question };

  test.each([
    ["submitted", 5],
    ["resumed", 5],
    ["suspended", 10],
    ["working", 10],
  ] as [Task["state"], number][])("in state %s is the earliest time that applies", (state, expected) => {
    expect(wakeAt(task({ state, ...all }))).toBe(expected);
  });

  test("includes the end of a pause only while the pause lasts", () => {
    expect(wakeAt(task({ state: "suspended", pause }))).toBe(30);
    expect(wakeAt(task({ state: "working", pause }))).toBeNull();
  });

  test("ignores a planned pause when the task has ended", () => {
    expect(wakeAt(task({ state: "completed", endedAt: 1, pauseAt }))).toBeNull();
  });
});
