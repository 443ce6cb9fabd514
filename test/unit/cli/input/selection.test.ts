import { expect, test } from "vitest";
import { reference } from "../../../../src/cli/command/session.ts";
import { selectionOf } from "../../../../src/cli/input/selection.ts";

const none = { all: false, queue: undefined, labels: [], states: [] };

test("ids select the tasks with these ids", () => {
  expect(selectionOf(["1", "x"], none)).toEqual({ ids: ["1", "x"] });
});

test("several selectors are combined", () => {
  const given = {
    all: true,
    queue: "q",
    labels: [["a", "1"]] as [string, string][],
    states: ["working" as const],
  };
  expect(selectionOf([], given)).toEqual({
    select: { all: true, queue: "q", labels: { a: "1" }, state: ["working"] },
  });
});

test("ids together with selectors are refused, and so is neither", () => {
  expect(() => selectionOf([], none)).toThrow("which tasks?");
  expect(() => selectionOf(["1"], { ...none, all: true })).toThrow("not both");
});

test("digits are an id; everything else is a name or uuid", () => {
  expect(["12", "0", "12a", "99999999999999999999"].map(reference)).toEqual([
    12,
    "0",
    "12a",
    "99999999999999999999",
  ]);
});
