import { expect, test } from "vitest";
import { cronTimes } from "../../../src/engine/cron.ts";

/** The first times after a moment, in UTC. */
function timesAfter(cron: string, tz: string, from: string, count: number): string[] {
  const times: string[] = [];
  let at = Date.parse(from);
  for (let n = 0; n < count; n++) {
    at = cronTimes(cron, tz).after(at) ?? Number.NaN;
    times.push(new Date(at).toISOString().slice(0, 16));
  }
  return times;
}

test("a wall-clock time that does not exist on a day is the next one that does", () => {
  expect(timesAfter("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3)).toEqual([
    "2026-03-28T01:30",
    "2026-03-29T01:00",
    "2026-03-30T00:30",
  ]);
});

test("a wall-clock time that exists twice on a day counts once", () => {
  expect(timesAfter("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", 3)).toEqual([
    "2026-10-24T00:30",
    "2026-10-25T00:30",
    "2026-10-26T01:30",
  ]);
});

test("the latest of many passed times is found, also the one of this moment", () => {
  const { latest } = cronTimes("* * * * * *", "UTC");
  expect(latest(Date.parse("2026-01-01T00:00:00.400Z"))).toBe(Date.parse("2026-01-01T00:00:00Z"));
  expect(cronTimes("@daily", "UTC").latest(Date.parse("2026-01-01T00:00:00Z"))).toBe(
    Date.parse("2026-01-01"),
  );
});

test.for(["61 * * * *", "* * * *", "* * * * * * *", "@never", "", "2031-01-01T00:00:00", "0 0 31 2 *"])(
  "%j is refused, and what is accepted is said",
  (cron) => {
    expect(() => cronTimes(cron, "UTC")).toThrow("accepted are five or six fields");
  },
);

test("a zone that does not exist is refused", () => {
  expect(() => cronTimes("@daily", "Mars/Olympus")).toThrow("is not a time zone");
});
