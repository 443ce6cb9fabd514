import { expect, test } from "vitest";
import { isLate, verdictOf } from "../../../src/core/recurring.ts";

const onTime = { planned: 5, isMissed: false, previous: null };

test("a run that was missed is made once or passed over, as the schedule says", () => {
  const missed = { ...onTime, isMissed: true };
  expect(verdictOf({ overlap: "skip", missed: "run" }, missed)).toEqual({
    run: 5,
    replaces: null,
    after: null,
  });
  expect(verdictOf({ overlap: "skip", missed: "skip" }, missed)).toEqual({ pass: "missed" });
});

test("while the previous run is open, a run is passed over, comes after it, or replaces it", () => {
  const open = { ...onTime, previous: 3 };
  expect(verdictOf({ overlap: "skip", missed: "run" }, open)).toEqual({ pass: "overlap" });
  expect(verdictOf({ overlap: "queue", missed: "run" }, open)).toEqual({ run: 5, replaces: null, after: 3 });
  expect(verdictOf({ overlap: "replace", missed: "run" }, open)).toEqual({
    run: 5,
    replaces: 3,
    after: null,
  });
});

test("a run is late when its time came before the daemon or more than a minute ago", () => {
  expect(isLate(1000, { now: 1500, upSince: 1001 })).toBe(true);
  expect(isLate(1000, { now: 61_000, upSince: 0 })).toBe(false);
  expect(isLate(1000, { now: 61_001, upSince: 0 })).toBe(true);
});
