import { expect, test } from "vitest";
import { cronTimes } from "../../../src/engine/cron.ts";

/** Returns the first `count` times after a moment, in UTC. */
function timesAfter(cron: string, tz: string, from: string, count: number): string[] {
  const times: string[] = [];
  let at = Date.parse(from);
  for (let n = 0; n < count; n++) {
    at = cronTimes(cron, tz, 0).after(at) ?? Number.NaN;
    times.push(new Date(at).toISOString().slice(0, 16));
  }
  return times;
}

test("a wall-clock time that does not exist on a day moves to the next one that does", () => {
  expect(timesAfter("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3)).toEqual([
    "2026-03-28T01:30",
    "2026-03-29T01:00",
    "2026-03-30T00:30",
  ]);
});

test("a wall-clock time that exists twice on a day runs once", () => {
  expect(timesAfter("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 3)).toEqual([
    "2026-10-24T00:30",
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]);
});

test("several times in a skipped hour become one, at the end of the gap", () => {
  const day = ["2026-03-29T01:00", "2026-03-30T00:00"];
  for (const cron of ["*/20 2 * * *", "0 2,3 * * *", "0 0,20,40 2-3/9 * * *"])
    expect(timesAfter(cron, "Europe/Berlin", "2026-03-28T12:00:00Z", 2)).toEqual(day);
  // The clock is set forward by half an hour there.
  expect(timesAfter("*/20 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z", 2)).toEqual([
    "2026-10-03T15:30",
    "2026-10-03T15:40",
  ]);
});

test("each time in a repeated hour runs once, but a pattern for every hour runs in both", () => {
  expect(timesAfter("*/30 2,3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 4)).toEqual([
    "2026-10-25T00:00",
    "2026-10-25T00:30",
    "2026-10-25T02:00",
    "2026-10-25T02:30",
  ]);
  const { after, latest } = cronTimes("*/30 2 * * *", "Europe/Berlin", 0);
  // In the second of the two hours: after a run, and before the next day's.
  const second = Date.parse("2026-10-25T01:10:00Z");
  expect(latest(second)).toBe(Date.parse("2026-10-25T00:30:00Z"));
  expect(after(second)).toBe(Date.parse("2026-10-26T01:00:00Z"));
  expect(timesAfter("0 */1 * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 3)).toEqual([
    "2026-10-25T00:00",
    "2026-10-25T01:00",
    "2026-10-25T02:00",
  ]);
});

test("finds the latest of many past times, including the current moment", () => {
  const { latest } = cronTimes("* * * * * *", "UTC", 0);
  expect(latest(Date.parse("2026-01-01T00:00:00.400Z"))).toBe(Date.parse("2026-01-01T00:00:00Z"));
  expect(cronTimes("@daily", "UTC", 0).latest(Date.parse("2026-01-01T00:00:00Z"))).toBe(
    Date.parse("2026-01-01"),
  );
});

test.for([
  "@reboot",
  "61 * * * *",
  "* * * *",
  "* * * * * * *",
  "@never",
  "",
  "2031-01-01T00:00:00",
  "0 0 31 2 *",
  "@every",
  "@every day",
  "@every 0s",
  "@every 999ms",
  "@everyday 5m",
])("%j is refused, and the error says what is accepted", (cron) => {
  expect(() => cronTimes(cron, "UTC", 0)).toThrow("accepted are five or six fields");
});

test("@every counts intervals from the moment it is given, whatever the zone and the clock do", () => {
  const since = Date.parse("2026-03-29T00:20:00Z");
  const { after, latest } = cronTimes("@every 1h30m", "Europe/Berlin", since);
  const nth = (n: number) => since + n * 5_400_000;
  expect([after(since), after(nth(1) - 1), after(nth(1)), after(nth(7) + 5)]).toEqual([1, 1, 2, 8].map(nth));
  expect([latest(nth(1)), latest(nth(2) - 1), latest(nth(2))]).toEqual([1, 1, 2].map(nth));
  // The clock was set back to before the schedule was added.
  expect([after(nth(-3)), latest(nth(-3) - 1)]).toEqual([-2, -4].map(nth));
});

test("an unknown time zone is refused", () => {
  expect(() => cronTimes("@daily", "Mars/Olympus", 0)).toThrow("is not a time zone");
});
