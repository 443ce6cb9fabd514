import { expect, test } from "vitest";
import {
  duration,
  integer,
  pastTime,
  signal,
  time,
  variable,
} from "../../../../src/cli/command/option-values.ts";
import { systemClock } from "../../../../src/core/time.ts";

const fromNow = (iso: string) => Math.round((Date.parse(iso) - systemClock.now()) / 1000);

test("a future time is a duration from now, ISO 8601 or the next HH:MM", () => {
  expect(fromNow(time("2h", {}))).toBe(7200);
  expect(time("2126-05-01T18:30:00Z", {})).toBe("2126-05-01T18:30:00.000Z");
  expect(fromNow(time("08:00", {}))).toBeGreaterThan(0);
});

test("a past time is a duration before now or the last HH:MM", () => {
  expect(fromNow(pastTime("2h", {}))).toBe(-7200);
  expect(fromNow(pastTime("08:00", {}))).toBeLessThanOrEqual(0);
});

test("a signal is known by name, short name and number", () => {
  expect(["SIGUSR1", "usr1", "TERM", "2"].map(signal)).toEqual(["SIGUSR1", "SIGUSR1", "SIGTERM", "SIGINT"]);
});

test("a variable takes the given value, an empty one, or the caller's", () => {
  expect(["A=b=c", "A=", "A"].map(variable)).toEqual([
    ["A", "b=c"],
    ["A", ""],
    ["A", undefined],
  ]);
});

test.each([
  [() => duration("5"), '"5" is not a duration; such as 500ms, 90s, 15m, 2h, 3d, 1h30m'],
  [() => time("tomorrow", {}), /"tomorrow" is not a time; such as a duration from now/],
  [() => integer(1)("0"), '"0" is not a whole number of at least 1'],
  [() => integer()("1.5"), '"1.5" is not a whole number'],
  [() => signal("9"), "no program hears SIGKILL; such as TERM, INT, USR1"],
  [() => signal("SIGNOPE"), '"SIGNOPE" is not a signal; use TERM, INT, USR1, …'],
  [() => variable("=x"), '"=x" is not of the form NAME=value or NAME'],
] as const)("the error for a bad value says what is accepted (%#)", (read, message) => {
  expect(read).toThrow(message);
});
