import { expect, test } from "vitest";
import { isTooDeep, LineSplitter, MAX_DEPTH } from "../../../src/protocol/framing.ts";

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

test("MAX_DEPTH levels are accepted, and one more is refused", () => {
  expect([isTooDeep(nested(MAX_DEPTH)), isTooDeep(nested(MAX_DEPTH + 1))]).toEqual([false, true]);
  expect(isTooDeep('{"a":'.repeat(MAX_DEPTH + 1))).toBe(true);
});

test("brackets side by side and brackets in strings do not count as levels", () => {
  expect(isTooDeep(`[${"[],".repeat(10_000)}0]`)).toBe(false);
  expect(isTooDeep(JSON.stringify("[".repeat(10_000)))).toBe(false);
  expect(isTooDeep(JSON.stringify({ quote: `"\\"${"[".repeat(10_000)}` }))).toBe(false);
  expect(isTooDeep(`"\\\\"${nested(MAX_DEPTH + 1)}`)).toBe(true);
  expect(isTooDeep(`"${"[".repeat(10_000)}`)).toBe(false);
});

test("the check takes linear time, even with many quotes and backslashes", () => {
  const startedAt = performance.now();
  for (const text of ['""', '"\\\\"', "[]", '"\\"']) isTooDeep(text.repeat(1_000_000));
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});

test("a line that arrives byte by byte takes at most twice its size in memory", () => {
  const splitter = new LineSplitter();
  for (let n = 0; n < 100_000; n++) splitter.push(Buffer.from("x"));
  expect(splitter.waitingBytes).toBeLessThanOrEqual(200_000);
  expect(splitter.push(Buffer.from("\n"))[0]?.length).toBe(100_000);
  expect(splitter.waitingBytes).toBe(0);
});
