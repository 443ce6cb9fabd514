import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Setting, settingNamed, settings } from "../../../src/core/settings.ts";
import { readConfig, writeConfig } from "../../../src/home/config-file.ts";

const setting = (name: string) => settingNamed(name) as Setting;
let folder = "";
let file = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "config-"));
  file = join(folder, "config.json");
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a write keeps the settings that were written by hand", () => {
  writeFileSync(file, '{"pause.grace": "90s", "logMaxBytes": "1MiB", "hosts": 2}');
  writeConfig(file, setting("log.maxBytes"), 65_536);
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
    "pause.grace": "90s",
    hosts: 2,
    "log.maxBytes": 65_536,
  });
  writeConfig(file, setting("hosts"), null);
  expect(readConfig(file)).toEqual({ pauseGraceMs: 90_000, logMaxBytes: 65_536 });
});

test("a write replaces an invalid value of its own setting, and is refused if another one is invalid", () => {
  writeFileSync(file, '{"hosts": -1}');
  expect(() => writeConfig(file, setting("pause.grace"), 1000)).toThrow("hosts: -1 is not a whole number");
  writeConfig(file, setting("hosts"), 1);
  expect(readConfig(file)).toEqual({ hosts: 1 });
});

test("a write follows a link to a file elsewhere", () => {
  writeFileSync(join(folder, "kept.json"), "{}");
  symlinkSync("kept.json", file);
  writeConfig(file, setting("hosts"), 1);
  expect(lstatSync(file).isSymbolicLink()).toBe(true);
  expect(readConfig(join(folder, "kept.json"))).toEqual({ hosts: 1 });
});

test("a file may begin with a byte order mark, and what is not UTF-8 is refused", () => {
  writeFileSync(file, '\ufeff{"hosts": 2}\r\n');
  expect(readConfig(file)).toEqual({ hosts: 2 });
  writeFileSync(file, Buffer.from('{"notify": "\xff"}', "latin1"));
  expect(() => readConfig(file)).toThrow("it is not UTF-8");
});

test("every setting is found by its name and by its key", () => {
  for (const each of settings)
    expect([settingNamed(each.name), settingNamed(each.key)]).toEqual([each, each]);
});
