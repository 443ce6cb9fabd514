import { describe, expect, test } from "vitest";
import { logLines, type View, viewLines } from "../../../../src/cli/screen/watch-view.ts";
import { plainPaint } from "../../../../src/cli/text/paint.ts";
import { aTask, NOW } from "../fixtures.ts";

const view = (changes: Partial<View> = {}): View => ({
  tasks: [],
  marked: undefined,
  message: "",
  log: undefined,
  now: NOW,
  ...changes,
});
const tasks = Array.from({ length: 30 }, (_, at) => aTask({ id: at + 1 }));
const lines = (changes: Partial<View>, rows = 10, columns = 60) =>
  viewLines(view(changes), { rows, columns }, plainPaint);
const shownIds = (all: string[]) => all.flatMap((line) => /^[> ] +(\d+) {2}/.exec(line)?.[1] ?? []);

describe("the screen", () => {
  test("has as many lines as rows, none of them too long", () => {
    for (const rows of [4, 10, 50]) {
      const all = lines({ tasks, marked: 3, message: "x".repeat(100) }, rows, 60);
      expect(all).toHaveLength(rows);
      expect(Math.max(...all.map((line) => line.length))).toBeLessThanOrEqual(60);
    }
  });

  test("shows the newest, unless the marked task stands above them", () => {
    expect(shownIds(lines({ tasks, marked: 30 }))).toEqual(["25", "26", "27", "28", "29", "30"]);
    expect(shownIds(lines({ tasks, marked: 26 }))).toEqual(["25", "26", "27", "28", "29", "30"]);
    expect(shownIds(lines({ tasks, marked: 3 }))).toEqual(["3", "4", "5", "6", "7", "8"]);
    expect(lines({ tasks, marked: 3 }).filter((line) => line.startsWith("> "))).toHaveLength(1);
  });

  test("counts what is open, and says so where nothing is", () => {
    const some = [aTask({ state: "working" }), aTask({ id: 2 }), aTask({ id: 3, state: "completed" })];
    expect(lines({ tasks: some })[0]).toBe("agentctl: 1 working, 1 submitted");
    expect(lines({})[0]).toBe("agentctl: no open task");
    expect(lines({}).join("\n")).toContain("agentctl run <program>");
  });

  test("shows a log in the table's place", () => {
    const all = lines({ tasks, log: { id: 7, text: "one\ntwo\n" } });
    expect(all.slice(0, 3)).toEqual(["the log of task 7", "one", "two"]);
    expect(all.at(-1)).toContain("q back");
  });
});

describe("the end of a log", () => {
  test.each([
    ["the last lines", "a\nb\nc\n", 2, 10, ["b", "c"]],
    ["a line without its end", "a\nb", 5, 10, ["a", "b"]],
    ["long lines broken", "abcdefgh\n", 5, 3, ["abc", "def", "gh"]],
    ["no more than there is room for", "abcdefgh\n", 2, 3, ["def", "gh"]],
    ["nothing that would steer the terminal", "a\u001b[2Jb\r\n\tc\n", 5, 20, ["a\\x1b[2Jb", "    c"]],
    ["empty lines", "a\n\nb\n", 5, 10, ["a", "", "b"]],
  ])("is %s", (_, text, rows, columns, expected) => {
    expect(logLines(text, rows, columns)).toEqual(expected);
  });
});
