import { basename } from "node:path";
import { isAbsent } from "../../../client/silence.ts";
import { AgentctlError, asAgentctlError } from "../../../core/errors.ts";
import { formatSetting, readSetting, type SettingValue, shownSetting } from "../../../core/setting-value.ts";
import { type Setting, settingNamed, settings } from "../../../core/settings.ts";
import { type Configured, readConfig, writeConfig } from "../../../home/config-file.ts";
import { makeHome } from "../../../home/own-home.ts";
import { didYouMean } from "../../../protocol/nearest.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, type Group } from "../../command/define.ts";
import { withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { tableLines } from "../../text/table.ts";

const nameArgument = ["<setting>", "a setting's name, such as log.maxBytes"] as const;

const list = command({
  name: "list",
  summary: "every setting: its value, its default, and where the value comes from",
  args: [],
  options: {},
  examples: [["config list", "what holds, and what else could be set"]],
  isLocal: true,
  async run({ out, paths }) {
    const configured = readConfig(paths.config);
    const entries = settings.map((setting) => settingEntry(setting, configured, paths.config));
    if (out.json) out.data(entries);
    else for (const line of await settingsTable(entries, out.columns)) out.line(line);
    return 0;
  },
});

const get = command({
  name: "get",
  summary: "the value of one setting",
  args: [nameArgument],
  options: {},
  examples: [["config get log.maxBytes", "how much output of a task is kept"]],
  isLocal: true,
  async run({ out, paths }, [name = ""]) {
    const entry = settingEntry(requireSetting(name), readConfig(paths.config), paths.config);
    if (out.json) out.data(entry);
    else out.line(entry.text);
    return 0;
  },
});

const set = command({
  name: "set",
  summary: "change a setting; a running daemon takes it over at once",
  args: [
    nameArgument,
    [
      "[value]",
      "a number, a size such as 64MiB, a duration such as 15m, a text, true or false, or a list such as a,b",
    ],
  ],
  options: { default: flag("--default", "back to the default") },
  notes: "http.listen with an address also starts the daemon if none runs.",
  examples: [
    ["config set log.maxBytes 64MiB", "keep less output of each task"],
    ["config set checkpoint.maxBytes 32MiB", "take larger checkpoints"],
    ["config set http.listen 127.0.0.1:4263", "answer over HTTP, from now on; off ends it"],
    ["config set pause.grace --default", "as if it had never been set"],
  ],
  isLocal: true,
  async run(context, [name = "", text], { default: shouldReset }) {
    const { out, paths } = context;
    const setting = requireSetting(name);
    const value = parseValue(setting, text, shouldReset);
    makeHome(paths);
    const applied = await applySetting(context, setting, value);
    const entry = settingEntry(setting, readConfig(paths.config), paths.config);
    if (out.json) out.data({ ...entry, applied });
    else out.line(`${entry.name} is ${entry.text}${applied ? "" : "; the next daemon takes it over"}`);
    return 0;
  },
});

const reload = command({
  name: "reload",
  summary: "check config.json after an edit by hand; a running daemon takes it over at once",
  args: [],
  options: {},
  examples: [["config reload", "says which settings have changed, or what is wrong with the file"]],
  async run(context) {
    const { out, paths } = context;
    readConfig(paths.config);
    const changed = await reloadDaemon(context);
    if (out.json) out.data({ ok: true, applied: changed !== undefined, changed: changed ?? [] });
    else if (!changed) out.note("the file is good; no daemon is running, so the next one takes it over");
    else if (changed.length === 0) out.note("nothing has changed");
    else for (const name of changed) out.line(changedLine(name, paths.config));
    return 0;
  },
});

function changedLine(name: string, file: string): string {
  return `${name} is ${settingEntry(requireSetting(name), readConfig(file), file).text}`;
}

export const config: Group = {
  name: "config",
  summary: "the settings of this home",
  commands: [get, set, list, reload],
};

interface SettingEntry {
  name: string;
  value: SettingValue;
  text: string;
  unit: Setting["unit"];
  default: SettingValue;
  /** `default`, or the file that sets the value. */
  origin: string;
  about: string;
}

function settingEntry(setting: Setting, configured: Configured, file: string): SettingEntry {
  const { key, name, unit, fallback, about } = setting;
  const value = shownSetting(setting, configured[key] ?? fallback);
  const origin = configured[key] === undefined ? "default" : file;
  return { name, value, text: formatSetting(setting, value), unit, default: fallback, origin, about };
}

function requireSetting(name: string): Setting {
  const setting = settingNamed(name);
  if (setting) return setting;
  const names = settings.map((each) => each.name);
  throw usage(`there is no setting ${JSON.stringify(name)}${didYouMean(name, names)}`, {
    hint: "agentctl config list shows all",
  });
}

function parseValue(setting: Setting, text: string | undefined, shouldReset: boolean): SettingValue | null {
  if ((text === undefined) !== shouldReset)
    throw usage(`${setting.name}: give a value, or --default, and not both`);
  if (text === undefined) return null;
  const parsed = readSetting(setting, text);
  if ("reason" in parsed) throw usage(`${setting.name}: ${parsed.reason}`);
  return parsed.value;
}

/**
 * Writes the setting and makes a running daemon apply it; returns false if none runs. If the daemon refuses it, because
 * the address of `http.listen` is taken, restores the file.
 */
export async function applySetting(
  context: Context,
  setting: Setting,
  value: SettingValue | null,
): Promise<boolean> {
  const { config } = context.paths;
  const previous = readConfig(config)[setting.key] ?? null;
  const shouldStart = setting.key === "httpListen" && value !== null && value !== "off";
  let isWritten = false;
  try {
    writeConfig(config, setting, value);
    isWritten = true;
    return (await reloadDaemon(context, shouldStart ? "always" : "never")) !== undefined;
  } catch (thrown) {
    const error = asAgentctlError(thrown);
    if (error.name !== "ConfigInvalid") throw error;
    if (isWritten) writeConfig(config, setting, previous);
    throw refusedValueError(error);
  }
}

/** Returns the error for a refused value. The file was readable, so the new value is wrong, not the file. */
function refusedValueError({ data, message }: AgentctlError): AgentctlError {
  const errorOptions = { message: String(data.reason ?? message), hint: "nothing was changed" };
  return new AgentctlError("ConfigInvalid", data, errorOptions);
}

/** Returns the names of the settings that a running daemon has applied; undefined if none runs. */
async function reloadDaemon(
  context: Context,
  start: "always" | "never" = "never",
): Promise<string[] | undefined> {
  try {
    const sessionOptions = { start, anyVersion: true } as const;
    return (await withDaemon(context, (rpc) => rpc.call("daemon/reload", {}), sessionOptions)).changed;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function settingsTable(entries: readonly SettingEntry[], columns: number | undefined): string[] {
  const heads = [
    { title: "NAME" },
    { title: "VALUE", isRight: true, minWidth: 12 },
    { title: "UNIT", dropOrder: 4 },
    { title: "DEFAULT", isRight: true, dropOrder: 3 },
    { title: "ORIGIN", dropOrder: 2 },
    { title: "WHAT IT IS", minWidth: 20, dropOrder: 1, isCutLast: true },
  ];
  const rows = entries.map((each) => [
    each.name,
    each.text,
    each.unit,
    formatSetting(each, each.default),
    columns === undefined ? each.origin : basename(each.origin),
    each.about,
  ]);
  return tableLines(heads, rows, columns);
}
