import { expect, test } from "vitest";
import { isLate, verdictOf } from "../../../src/core/recurring.ts";

const onTime = { planned: 5, isMissed: false, open: [] as number[] };

test("a missed run is made once or skipped, as the schedule says", () => {
  const missed = { ...onTime, isMissed: true };
  expect(verdictOf({ overlap: "skip", missed: "run" }, missed)).toEqual({
    run: 5,
    replaces: [],
    after: [],
  });
  expect(verdictOf({ overlap: "skip", missed: "skip" }, missed)).toEqual({ pass: "missed" });
});

test("if earlier runs are open, the next one is skipped, queued after them, or replaces them", () => {
  const open = { ...onTime, open: [3, 4] };
  expect(verdictOf({ overlap: "skip", missed: "run" }, open)).toEqual({ pass: "overlap" });
  expect(verdictOf({ overlap: "queue", missed: "run" }, open)).toEqual({
    run: 5,
    replaces: [],
    after: [3, 4],
  });
  expect(verdictOf({ overlap: "replace", missed: "run" }, open)).toEqual({
    run: 5,
    replaces: [3, 4],
    after: [],
  });
});

test("a run is late if its time was before the daemon's start or more than a minute ago", () => {
  expect(isLate(1000, { now: 1500, upSince: 1001 })).toBe(true);
  expect(isLate(1000, { now: 61_000, upSince: 0 })).toBe(false);
  expect(isLate(1000, { now: 61_001, upSince: 0 })).toBe(true);
});
