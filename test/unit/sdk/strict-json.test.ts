import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { toJson } from "../../../src/sdk/strict-json.ts";

const cycle: Record<string, unknown> = { a: {} };
(cycle.a as Record<string, unknown>).b = cycle;

describe("a value that JSON would lose is refused with its place", () => {
  const refused: [unknown, string][] = [
    [{ items: [1, 2, { run: () => 1 }] }, "value.items[2].run is a function"],
    [() => 1, "value is a function"],
    [Symbol("x"), "value is a symbol"],
    [{ "a b": 1n }, 'value["a b"] is a bigint'],
    [[Number.NaN], "value[0] is NaN"],
    [{ x: Number.POSITIVE_INFINITY }, "value.x is Infinity"],
    [[1, undefined], "value[1] is undefined"],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is refused
    [[1, , 2], "value[1] is undefined"],
    [{ m: new Map([[1, 2]]) }, "value.m is a Map"],
    [{ s: new Set() }, "value.s is a Set"],
    [{ e: new Error("x") }, "value.e is a Error"],
    [{ p: Promise.resolve() }, "value.p is a Promise"],
    [new Uint8Array(2), "value is a Uint8Array"],
    [new Date(Number.NaN), "value is an invalid Date"],
    [{ toJSON: () => ({ deep: () => 1 }) }, "value.deep is a function"],
  ];
  test.each(refused)("value %#", (value, message) => {
    expect(() => toJson(value, "value")).toThrow(new TypeError(`${message}, which JSON cannot hold`));
  });

  test("a cycle is named with both ends", () => {
    expect(() => toJson(cycle, "value")).toThrow("value.a.b leads back to value, which JSON cannot hold");
  });
});

describe("a value that JSON can hold becomes the usual JSON", () => {
  class Point {
    x = 1;
  }
  const shared = { k: 1 };
  const passed: [unknown, string | undefined][] = [
    [undefined, undefined],
    [null, "null"],
    [{ a: undefined, b: 1 }, '{"b":1}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [new Point(), '{"x":1}'],
    [[shared, shared], '[{"k":1},{"k":1}]'],
    [Object.create(null), "{}"],
    [runInNewContext("({ a: [1] })"), '{"a":[1]}'],
    ["\ud800é", '"\\ud800é"'],
  ];
  test.each(passed)("value %#", (value, text) => {
    expect(toJson(value, "value")).toBe(text);
  });
});
