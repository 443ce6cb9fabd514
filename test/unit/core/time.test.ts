import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatDuration, parseDuration, parseTime, systemClock, toIso } from "../../../src/core/time.ts";

describe("a duration", () => {
  test.each([
    ["500ms", 500],
    ["90s", 90_000],
    ["15m", 900_000],
    ["2h", 7_200_000],
    ["3d", 259_200_000],
    ["0s", 0],
    ["1.5h", 5_400_000],
    [" 5m ", 300_000],
    ["36500d", 36_500 * 86_400_000],
    ["1h30m", 5_400_000],
    ["5m30s", 330_000],
    ["1d 12h", 129_600_000],
    ["1d2h3m4s5ms", 93_784_005],
  ])("accepts %j", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each([
    "",
    "5",
    "5 m",
    "-5m",
    "+5m",
    "5M",
    "5min",
    "1w",
    "1 year",
    "1e3s",
    "30m1h",
    "5m5m",
    "1h30",
    "1h,30m",
    "36500d1ms",
    "36501d",
    "∞s",
    "0x10s",
    "9999999999999s",
  ])("refuses %j", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });
});

describe("a point in time, in Berlin at 18:30 on the first of May", () => {
  const zone = process.env.TZ;
  beforeEach(() => {
    process.env.TZ = "Europe/Berlin";
  });
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });
  const now = Date.UTC(2026, 4, 1, 16, 30);
  const at = (text: string) => toIso(parseTime(text, now) ?? null);

  test.each([
    ["2h", "2026-05-01T18:30:00.000Z"],
    ["18:31", "2026-05-01T16:31:00.000Z"],
    ["18:30", "2026-05-02T16:30:00.000Z"],
    ["9:00", "2026-05-02T07:00:00.000Z"],
    ["00:00", "2026-05-01T22:00:00.000Z"],
    ["2026-05-01T18:30", "2026-05-01T16:30:00.000Z"],
    ["2026-05-01 18:30", "2026-05-01T16:30:00.000Z"],
    ["2026-05-01", "2026-04-30T22:00:00.000Z"],
    ["2026-01-01T12:00", "2026-01-01T11:00:00.000Z"],
    ["2026-05-01T18:30:15.5", "2026-05-01T16:30:15.500Z"],
    ["2026-05-01T18:30Z", "2026-05-01T18:30:00.000Z"],
    ["2026-05-01T18:30:00+05:30", "2026-05-01T13:00:00.000Z"],
    ["2026-05-01T18:30:00-0800", "2026-05-02T02:30:00.000Z"],
  ])("accepts %j", (text, iso) => {
    expect(at(text)).toBe(iso);
  });

  test("a time of day stays the same across the change to winter time", () => {
    const eve = Date.parse("2026-10-24T18:00:00Z");
    expect(toIso(parseTime("19:00", eve) ?? null)).toBe("2026-10-25T18:00:00.000Z");
  });

  test.each([
    "",
    "tomorrow",
    "24:00",
    "12:60",
    "7",
    "1234567890",
    "2026-13-01T00:00",
    "2026-02-30T10:00",
    "2026-02-29",
    "2026-05-01T25:00",
    "2026-05-01T18",
    "01.05.2026",
    "2026-05-01T18:30 please",
  ])("refuses %j", (text) => {
    expect(parseTime(text, now)).toBeUndefined();
  });

  test("the 29th of February is valid in a leap year", () => {
    expect(at("2028-02-29T12:00Z")).toBe("2028-02-29T12:00:00.000Z");
  });
});

test.each([
  [-5, "0ms"],
  [0, "0ms"],
  [999.4, "999ms"],
  [1500, "1.5s"],
  [9999, "9.9s"],
  [59_999, "59s"],
  [60_000, "1m"],
  [90_000, "1m 30s"],
  [7_500_000, "2h 5m"],
  [86_400_000, "1d"],
  [90_061_000, "1d 1h"],
  [86_400_000 + 60_000, "1d"],
])("%d ms is shown as %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test("a duration shown to a person can be parsed back to the same value", () => {
  for (const ms of [500, 90_000, 900_000, 7_200_000, 259_200_000]) {
    const parts = formatDuration(ms)
      .split(" ")
      .map((part) => parseDuration(part) ?? Number.NaN);
    expect(parts.reduce((sum, part) => sum + part)).toBe(ms);
  }
});

test("toIso of null is null", () => {
  expect([toIso(null), toIso(0)]).toEqual([null, "1970-01-01T00:00:00.000Z"]);
});

test("the monotonic clock never goes back", () => {
  const [before, after] = [systemClock.mono(), systemClock.mono()];
  expect(after).toBeGreaterThanOrEqual(before);
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
});
