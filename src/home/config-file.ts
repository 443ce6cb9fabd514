import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { AgentctlError } from "../core/errors.ts";
import {
  defaultSettings,
  readSetting,
  type Setting,
  type SettingKey,
  type Settings,
  settingNamed,
  settings,
} from "../core/settings.ts";

/** What config.json says, setting by setting; what it does not name is absent. */
export type Configured = Partial<Record<SettingKey, number>>;

/** The settings that `file` names. Throws `ConfigInvalid`, naming the setting, for what cannot be taken. */
export function readConfig(file: string): Configured {
  const configured: Configured = {};
  for (const [name, given] of Object.entries(parsed(file))) {
    const setting = settingNamed(name);
    if (!setting) throw invalid(file, `there is no setting ${JSON.stringify(name)}`);
    const read = readSetting(setting, given);
    if ("reason" in read) throw invalid(file, `${name}: ${read.reason}`);
    configured[setting.key] = read.value;
  }
  return configured;
}

/** What holds: the settings of `file` over the defaults. Throws `ConfigInvalid`. */
export function settingsOf(file: string): Settings {
  return { ...defaultSettings, ...readConfig(file) };
}

/** Writes one setting into `file`, or with null takes it out; readers see the old file or the new one. */
export function writeConfig(file: string, { key }: Setting, value: number | null): void {
  const configured = readConfig(file);
  if (value === null) delete configured[key];
  else configured[key] = value;
  const named = settings.flatMap((each) =>
    configured[each.key] === undefined ? [] : [[each.name, configured[each.key]]],
  );
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.new`;
  writeFileSync(draft, `${JSON.stringify(Object.fromEntries(named), undefined, 2)}\n`, { mode: 0o600 });
  sync(draft);
  renameSync(draft, file);
  sync(dirname(file));
}

function sync(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function parsed(file: string): object {
  if (!existsSync(file)) return {};
  try {
    const given: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof given === "object" && given !== null && !Array.isArray(given)) return given;
  } catch (error) {
    throw invalid(file, (error as Error).message);
  }
  throw invalid(file, "it must hold an object");
}

function invalid(file: string, reason: string): AgentctlError {
  return new AgentctlError("ConfigInvalid", { file, reason });
}
