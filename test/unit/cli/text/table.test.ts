import stringWidth from "string-width";
import { expect, test } from "vitest";
import { plainPaint } from "../../../../src/cli/text/paint.ts";
import { tableLines, textWidth } from "../../../../src/cli/text/table.ts";
import { taskTable } from "../../../../src/cli/text/task-table.ts";
import { aTask, NOW } from "../fixtures.ts";

const tasks = [
  aTask({
    id: 7,
    name: "nightly",
    state: "working",
    attempt: 1,
    startedAt: "2026-05-01T12:26:00.000Z",
    runMs: 240_000,
    progress: { done: 3, total: 12, message: "reading the second source of many" },
  }),
  aTask({ waiting: { for: "hold", on: null, until: null }, held: true }),
  aTask({
    id: 1234,
    state: "failed",
    argv: ["sh", "-c", "echo a long command line that does not fit into a narrow terminal"],
    startedAt: "2026-05-01T12:26:00.000Z",
    exitCode: 3,
    error: { name: "Failed", code: null, message: "sh (exit code 3)", data: null },
  }),
];

test("a table of tasks fits 80 columns", async () => {
  const lines = await taskTable(tasks, { now: NOW, columns: 80, paint: plainPaint });
  expect(lines.every((line) => line.length <= 80)).toBe(true);
  expect(`\n${lines.join("\n")}\n`).toMatchInlineSnapshot(`
    "
      ID  STATE      TASK              AGE  RAN  DETAILS
       7  working    nightly: make t…   5m   4m  ██░░░░░░ 25% 3/12 ~12m left readin…
      12  submitted  make test          5m    -  is held
    1234  failed     sh -c 'echo a l…   5m   0s  sh (exit code 3)
    "
  `);
});

test("a table of tasks fits 200 columns with nothing cut", async () => {
  const lines = await taskTable(tasks, { now: NOW, columns: 200, paint: plainPaint });
  expect(lines.every((line) => line.length <= 200)).toBe(true);
  expect(lines.join("\n")).not.toContain("…");
});

test("in a pipe no cell is cut, and a very long cell shifts only its own row", () => {
  const long = "x".repeat(2000);
  const lines = tableLines(
    [
      { title: "TASK", minWidth: 4 },
      { title: "AGE", isRight: true },
    ],
    [
      ["make test", "5m"],
      [long, "12m"],
      ["sleep", { text: "1h", paint: (text) => `<${text}>` }],
    ],
    undefined,
  );
  expect(lines).toEqual(["TASK       AGE", "make test   5m", `${long}  12m`, "sleep       <1h>"]);
});

test("if the least widths do not fit, columns are left out, those with the highest number first", () => {
  const columns = [
    { title: "NAME" },
    { title: "UNIT", dropOrder: 3 },
    { title: "ABOUT", minWidth: 6, dropOrder: 1 },
    { title: "NEXT" },
  ];
  const rows = [["retention", "duration", "a long description", "12:00"]];
  const at = (limit: number) => tableLines(columns, rows, limit)[1];
  expect([at(80), at(36), at(26), at(20), at(5)]).toEqual([
    "retention  duration  a long description  12:00",
    "retention  duration  a long…   12:00",
    "retention  a long…   12:00",
    "retention  12:00",
    "retention  12:00",
  ]);
});

test("a table of tasks in a pipe has every column, and nothing is cut", async () => {
  const lines = await taskTable(tasks, { now: NOW, columns: undefined, paint: plainPaint });
  expect(`\n${lines.join("\n")}\n`).toMatchInlineSnapshot(`
    "
      ID  STATE      TASK       QUEUE    AGE  RAN  DETAILS
       7  working    nightly    default   5m   4m  3/12 ~12m left reading the second source of many
      12  submitted  make test  default   5m    -  is held
    1234  failed     sh -c 'echo a long command line that does not fit into a narrow terminal'  default   5m   0s  sh (exit code 3)
    "
  `);
});

test("wide characters take two columns", async () => {
  const columns = [{ title: "A", minWidth: 4 }, { title: "B" }];
  expect(tableLines(columns, [["日本茶の歴史", "x"]], 12)).toEqual(["A          B", "日本茶の…  x"]);
});

test("colours are added after a cell is fitted", async () => {
  const cell = { text: "a long text", paint: (text: string) => `\u001b[31m${text}\u001b[39m` };
  expect(tableLines([{ title: "A", minWidth: 3 }], [[cell]], 6)).toEqual(["A", "\u001b[31ma lon…\u001b[39m"]);
});

test("a thousand rows make one table", async () => {
  const rows = Array.from({ length: 1000 }, (_, at) => [String(at), "x"]);
  const lines = tableLines([{ title: "ID", isRight: true }, { title: "B" }], rows, undefined);
  expect([lines.length, lines[1], lines[1000]]).toEqual([1001, "  0  x", "999  x"]);
});

test("textWidth agrees with string-width for all characters from U+00A0 to U+2FFF", () => {
  const characters = Array.from({ length: 0x3000 - 0xa0 }, (_, at) => String.fromCharCode(0xa0 + at));
  expect(characters.filter((each) => textWidth(each) !== stringWidth(each))).toEqual([]);
  expect(textWidth("é → ─ … 日本 👩‍👩‍👧")).toBe(stringWidth("é → ─ … 日本 👩‍👩‍👧"));
});
