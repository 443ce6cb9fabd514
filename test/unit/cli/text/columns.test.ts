import { expect, test } from "vitest";
import { columnNames, sorted } from "../../../../src/cli/text/columns.ts";
import { plainPaint } from "../../../../src/cli/text/paint.ts";
import { taskTable } from "../../../../src/cli/text/task-table.ts";
import { usualFields } from "../../../../src/cli/text/task-text.ts";
import type { TaskJson } from "../../../../src/protocol/methods.ts";
import { aTask, NOW } from "../fixtures.ts";

const started = "2026-05-01T12:26:00.000Z";
const tasks = [
  aTask({ id: 1, name: "b", startedAt: started, runMs: 5000, exitCode: 3 }),
  aTask({ id: 2, name: null, runMs: 0 }),
  aTask({ id: 3, name: "a", startedAt: started, runMs: 90_000, exitCode: 0 }),
];

test("every column has a cell for every task", () => {
  const lines = taskTable(tasks, { now: NOW, columns: undefined, paint: plainPaint, chosen: columnNames });
  expect(lines).toHaveLength(4);
});

test("a table shows only the chosen columns, in the chosen order", () => {
  expect(
    `\n${taskTable(tasks, { now: NOW, columns: 80, paint: plainPaint, chosen: ["name", "id", "exit", "ran"] }).join("\n")}\n`,
  ).toMatchInlineSnapshot(`
    "
    NAME  ID  EXIT     RAN
    b      1     3      5s
    -      2     -       -
    a      3     0  1m 30s
    "
  `);
});

test("a narrow terminal shows only the most important columns, one line per task", () => {
  const ran = { argv: ["x".repeat(99)], runMs: 4_000_000, startedAt: started };
  const many = [
    aTask({ ...ran, state: "input-required", id: 1234, queue: "nightly-builds", machine: "box-of-ada" }),
  ];
  const lines = (columns: number) => taskTable(many, { now: NOW, columns, paint: plainPaint });
  for (const columns of [40, 45, 48, 50, 60, 68, 80, 100])
    expect(lines(columns).filter(({ length }) => length > columns)).toEqual([]);
  expect(lines(40)[0]?.split(/ +/).filter(Boolean)).toEqual(["ID", "STATE", "TASK"]);
  expect(lines(60)[0]?.split(/ +/).filter(Boolean)).toEqual(["ID", "STATE", "TASK", "DETAILS"]);
  const asked = taskTable(many, { now: NOW, columns: 30, paint: plainPaint, chosen: ["id", "age", "ran"] });
  expect(asked[0]).toMatch(/ID +AGE +RAN/);
});

test("a named task shows its module's file name; only WORK in a pipe shows the whole path", () => {
  const path = "/home/ada/research/of/tea/leaves/survey.ts";
  const named = aTask({ name: "m1", kind: "module", argv: null, module: { path, sha256: "0" } });
  const program = aTask({ name: "p1", argv: ["/opt/tools/of/ada/bin/render", "/data/a.png"] });
  const rows = (chosen: "task" | "work", columns: number | undefined) =>
    taskTable([named, program], { now: NOW, columns, paint: plainPaint, chosen: [chosen] }).slice(1);
  expect(rows("task", 80)).toEqual(["m1: survey.ts", "p1: render /data/a.png"]);
  expect(rows("work", 80)).toEqual(["survey.ts", "render /data/a.png"]);
  expect(rows("work", undefined)).toEqual([path, "/opt/tools/of/ada/bin/render /data/a.png"]);
});

test("only a cluster's table names machines", () => {
  const [there] = [aTask({ id: 1, machine: "two" })];
  const shown = (isCluster: boolean) =>
    taskTable([there], { now: NOW, columns: 80, paint: plainPaint, isCluster })[1];
  expect(shown(true)).toContain(" two ");
  expect(shown(false)).not.toContain("two");
});

test("tasks are sorted up or down, and those without a value come last", () => {
  const ids = (column: "name" | "ran" | "exit", isDown: boolean) =>
    sorted(tasks, { column, isDown }).map(({ id }) => id);
  expect(ids("name", false)).toEqual([3, 1, 2]);
  expect(ids("name", true)).toEqual([1, 3, 2]);
  expect(ids("ran", true)).toEqual([3, 1, 2]);
  expect(ids("exit", false)).toEqual([3, 1, 2]);
});

test("details are shortened last, and wide characters take two cells", () => {
  const long = aTask({
    id: 1,
    argv: ["x".repeat(200)],
    held: true,
    waiting: { for: "hold", on: null, until: null },
  });
  const [, line = ""] = taskTable([long], { now: NOW, columns: 60, paint: plainPaint });
  expect(line).toContain("is held");
  const family = aTask({ id: 1, name: "👨‍👩‍👧 日本" });
  const [head = "", row = ""] = taskTable([family], {
    now: NOW,
    columns: undefined,
    paint: plainPaint,
    chosen: ["name", "id"],
  });
  // Seven cells of text, made of more code units than that.
  expect(head.indexOf("ID")).toBe(9);
  expect(row.startsWith("👨‍👩‍👧 日本   1")).toBe(true);
});

test("the usual columns read only the fields that list requests", () => {
  const allowed = new Set<string | symbol>(usualFields);
  const readsOnly = (task: TaskJson) =>
    new Proxy(task, {
      get: (from, name) => {
        if (!allowed.has(name)) throw new Error(`${String(name)} is not asked for`);
        return from[name as keyof TaskJson];
      },
    });
  const waits = ["slot", "slots", "memory", "queue", "hold", "time", "task", "backoff", "answer"] as const;
  const pause = {
    mode: "checkpoint",
    outcome: "cooperative",
    cause: "user",
    actor: "me",
    reason: null,
  } as const;
  const shown = [
    ...tasks,
    aTask({ state: "working", progress: { done: 1, total: 4, message: null }, startedAt: started }),
    aTask({ state: "suspended", pause: { ...pause, at: started, until: null } }),
    aTask({ state: "failed", exitCode: 3, endedAt: started }),
    ...waits.map((cause) => aTask({ waiting: { for: cause, on: "x", until: null } })),
  ].map(readsOnly);
  for (const columns of [undefined, 200, 60, 30])
    expect(taskTable(shown, { now: NOW, columns, paint: plainPaint })).toHaveLength(shown.length + 1);
});
