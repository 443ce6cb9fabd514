import { expect, test } from "vitest";
import { formatSetting, readSetting } from "../../../src/core/setting-value.ts";
import { type Setting, settingNamed, settings } from "../../../src/core/settings.ts";

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
] as const)("%s accepts %j", ([name, given, value]) => {
  expect(read(name, given)).toEqual({ value });
});

test.for([
  ["log.maxBytes", "1KiB", "is not a size of at least 64KiB"],
  ["log.maxBytes", "64 parsecs", "is not a size"],
  // The unit is missing.
  ["pause.grace", "5", "is not a duration; such as 500ms, 90s"],
  ["pause.grace", -1, "is not a duration"],
  ["checkpoint.keep", "2.5", "is not a whole number of at least 1"],
  ["checkpoint.keep", "3MiB", "is not a whole number"],
  ["hosts", true, "is not a whole number"],
] as const)("%s refuses %j", ([name, given, reason]) => {
  expect(read(name, given)).toMatchObject({ reason: expect.stringContaining(reason) });
});

test("the text that shows a value is read back as the same value", () => {
  for (const setting of settings)
    for (const value of "least" in setting
      ? [setting.fallback, setting.least, setting.fallback + 1]
      : [setting.fallback])
      expect(readSetting(setting, formatSetting(setting, value))).toEqual({ value });
});

const made = { name: "made.up", about: "" };
const text = { ...made, unit: "text", fallback: "off" } as const;
const listen = {
  ...text,
  refuse: (given: string) => (given === "off" || given.includes(":") ? undefined : "no address"),
};
const chosen = { ...text, choices: ["off", "desktop"] } as const;
const flag = { ...made, unit: "flag", fallback: false } as const;
const list = { ...made, unit: "list", fallback: [] } as const;
const json = { ...made, unit: "json", fallback: [] } as const;
const record = { ...made, unit: "json", fallback: {} } as const;

test.for([
  [listen, "127.0.0.1:80", "127.0.0.1:80"],
  [chosen, "desktop", "desktop"],
  [flag, "on", true],
  [flag, false, false],
  [list, "a, b,", ["a", "b"]],
  [list, ["a"], ["a"]],
  [json, '[{"on":"failed"}]', [{ on: "failed" }]],
  [record, { name: "x" }, { name: "x" }],
] as const)("a setting of another unit accepts a value: %#", ([setting, given, value]) => {
  expect(readSetting(setting, given)).toEqual({ value });
  expect(readSetting(setting, formatSetting(setting, value))).toEqual({ value });
});

test.for([
  [listen, "here", '"here" is no address'],
  [text, 3, "3 is not a text"],
  [chosen, "mail", '"mail" is none of off, desktop'],
  [flag, "maybe", '"maybe" is neither true nor false'],
  [list, [1], "[1] is not a list of texts"],
  [json, "{}", '"{}" is not a JSON list'],
  [record, [], "[] is not a JSON object"],
] as const)("a setting of another unit refuses a value: %#", ([setting, given, reason]) => {
  expect(readSetting(setting, given)).toEqual({ reason });
});
