import { expect, test } from "vitest";
import {
  formatSetting,
  readSetting,
  type Setting,
  settingNamed,
  settings,
} from "../../../src/core/settings.ts";

const read = (name: string, given: unknown) => readSetting(settingNamed(name) as Setting, given);

test.for([
  ["log.maxBytes", "64MiB", 64 * 1024 * 1024],
  ["log.maxBytes", "1.5 mib", 1_572_864],
  ["log.maxBytes", "65536", 65_536],
  ["log.maxBytes", 65_536, 65_536],
  ["pause.grace", "90s", 90_000],
  ["pause.grace", "0s", 0],
  ["pause.grace", 5_000, 5_000],
  ["checkpoint.keep", " 7 ", 7],
] as const)("%s takes %j", ([name, given, value]) => {
  expect(read(name, given)).toEqual({ value });
});

test.for([
  ["log.maxBytes", "1KiB", "is no size of at least 64KiB"],
  ["log.maxBytes", "64 parsecs", "is no size"],
  // Five of what?
  ["pause.grace", "5", "is no duration; such as 500ms, 90s"],
  ["pause.grace", -1, "is no duration"],
  ["checkpoint.keep", "2.5", "is no whole number of at least 1"],
  ["checkpoint.keep", "3MiB", "is no whole number"],
  ["hosts", true, "is no whole number"],
] as const)("%s does not take %j", ([name, given, reason]) => {
  expect(read(name, given)).toMatchObject({ reason: expect.stringContaining(reason) });
});

test("what is shown of a value is taken for the same", () => {
  for (const setting of settings)
    for (const value of [setting.fallback, setting.least, setting.fallback + 1])
      expect(readSetting(setting, formatSetting(setting, value))).toEqual({ value });
});
