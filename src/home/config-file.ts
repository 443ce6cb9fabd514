import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { AgentctlError } from "../core/errors.ts";
import { readSetting, type SettingValue } from "../core/setting-value.ts";
import {
  contradiction,
  defaultSettings,
  type Setting,
  type SettingKey,
  type Settings,
  settingNamed,
  settings,
} from "../core/settings.ts";
import { writeBehindLink } from "./durable.ts";
import { fileTextOf } from "./text.ts";

/** The settings in config.json; a setting that it does not name is absent. */
export type Configured = Partial<Record<SettingKey, SettingValue>>;

type Raw = Record<string, unknown>;

/** Returns the settings in `file`. Throws `ConfigInvalid`, which names the setting, if a value is invalid. */
export function readConfig(file: string): Configured {
  return validate(file, parseFile(file));
}

/** Returns the settings in effect: those of `file` over the defaults. Throws `ConfigInvalid`. */
export function settingsOf(file: string): Settings {
  return { ...defaultSettings, ...readConfig(file) } as Settings;
}

/** Returns the names of the settings that differ. */
export function changedSettings(before: Settings, after: Settings): string[] {
  const isChanged = ({ key }: Setting) => JSON.stringify(before[key]) !== JSON.stringify(after[key]);
  return settings.filter(isChanged).map(({ name }) => name);
}

/**
 * Writes one setting into `file`, or removes it if `value` is null; a reader sees either the old or the new file.
 * Everything else in the file stays as it is. Throws `ConfigInvalid` if the new content is invalid.
 */
export function writeConfig(file: string, { key, name }: Setting, value: SettingValue | null): void {
  const raw = parseFile(file);
  // Otherwise the same setting would stay under its other name.
  delete raw[key];
  if (value === null) delete raw[name];
  else raw[name] = value;
  validate(file, raw);
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeBehindLink(file, `${JSON.stringify(raw, undefined, 2)}\n`);
}

function validate(file: string, raw: Raw): Configured {
  const configured: Configured = {};
  for (const [name, value] of Object.entries(raw)) {
    const setting = settingNamed(name);
    if (!setting) throw invalid(file, `there is no setting ${JSON.stringify(name)}`);
    const result = readSetting(setting, value);
    if ("reason" in result) throw invalid(file, `${name}: ${result.reason}`);
    configured[setting.key] = result.value;
  }
  const reason = contradiction({ ...defaultSettings, ...configured } as Settings);
  if (reason !== undefined) throw invalid(file, reason);
  return configured;
}

function parseFile(file: string): Raw {
  if (!existsSync(file)) return {};
  try {
    const text = fileTextOf(readFileSync(file));
    if (text === undefined) throw new Error("it is not UTF-8");
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Raw;
  } catch (error) {
    throw invalid(file, (error as Error).message);
  }
  throw invalid(file, "it must hold an object");
}

function invalid(file: string, reason: string): AgentctlError {
  return new AgentctlError("ConfigInvalid", { file, reason });
}
