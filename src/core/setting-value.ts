/** The kinds of values that a setting may have: how each is parsed from user input, and how it is shown. */
import { DURATION_FORMS, parseDuration } from "./time.ts";

const MIB = 1024 * 1024;

interface NumberRow {
  unit: "bytes" | "duration" | "count";
  fallback: number;
  least: number;
}

interface TextRow {
  unit: "text";
  fallback: string;
  /** Returns what is wrong with a text, as "… is <this>", or undefined if it is valid. */
  refuse?: (text: string) => string | undefined;
  /** A number is accepted too, because users who edit config.json by hand write one. */
  takesNumbers?: true;
  /** The only accepted texts; absent if any text is accepted. */
  choices?: readonly string[];
}

interface FlagRow {
  unit: "flag";
  fallback: boolean;
}

/** A list of texts; on the command line they are separated by commas. */
interface ListRow {
  unit: "list";
  fallback: readonly string[];
}

/** A list or an object that a user writes by hand; `refuse` returns what is wrong with it. */
interface JsonRow {
  unit: "json";
  fallback: readonly unknown[] | Readonly<Record<string, unknown>>;
  refuse?: (value: unknown) => string | undefined;
  /** Returns the value in a form that may be shown, for a setting that holds secrets. */
  withoutSecrets?: (value: SettingValue) => SettingValue;
}

/** One setting: its unit, its default and which values it refuses. */
export type Row = { name: string; about: string } & (NumberRow | TextRow | FlagRow | ListRow | JsonRow);

/** A setting's value: durations in ms, sizes in bytes. */
export type SettingValue = number | string | boolean | readonly unknown[] | Readonly<Record<string, unknown>>;

const BYTE_UNITS = { "": 1, B: 1, KIB: 1024, MIB, GIB: 1024 * MIB, KB: 1e3, MB: 1e6, GB: 1e9 } as const;
const YES = ["true", "on", "yes"];
const NO = ["false", "off", "no"];

type Read = { value: SettingValue } | { reason: string };

/** Parses a value from a user or from config.json; returns the reason if it is refused. */
export function readSetting(setting: Row, given: unknown): Read {
  const refused = (why: string) => ({ reason: `${JSON.stringify(given)} is ${why}` });
  switch (setting.unit) {
    case "text":
      return readText(setting, given, refused);
    case "flag": {
      const value = typeof given === "string" ? flagOf(given) : given;
      return typeof value === "boolean" ? { value } : refused("neither true nor false");
    }
    case "list": {
      const value = typeof given === "string" ? itemsOf(given) : given;
      const isGood = Array.isArray(value) && value.every((each) => typeof each === "string");
      return isGood ? { value } : refused("not a list of texts");
    }
    case "json":
      return readJson(setting, given, refused);
    default: {
      const value = typeof given === "number" ? given : numberOf(setting, given);
      const isGood = value !== undefined && Number.isSafeInteger(value) && value >= setting.least;
      return isGood ? { value } : refused(numberAccepted(setting));
    }
  }
}

function readText(
  { choices, refuse, takesNumbers }: TextRow,
  given: unknown,
  refused: (why: string) => Read,
): Read {
  const text = takesNumbers && typeof given === "number" ? String(given) : given;
  if (typeof text !== "string") return refused("not a text");
  if (choices && !choices.includes(text)) return refused(`none of ${choices.join(", ")}`);
  const why = refuse?.(text);
  return why === undefined ? { value: text } : refused(why);
}

function readJson({ fallback, refuse }: JsonRow, given: unknown, refused: (why: string) => Read): Read {
  const value = typeof given === "string" ? parsed(given) : given;
  const isObject = typeof value === "object" && value !== null;
  const isList = Array.isArray(fallback);
  if (!isObject || Array.isArray(value) !== isList)
    return refused(isList ? "not a JSON list" : "not a JSON object");
  const why = refuse?.(value);
  return why === undefined ? { value: value as SettingValue } : { reason: why };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function flagOf(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (YES.includes(word)) return true;
  return NO.includes(word) ? false : undefined;
}

function itemsOf(text: string): string[] {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
}

function numberOf({ unit }: NumberRow, given: unknown): number | undefined {
  if (typeof given !== "string") return undefined;
  const text = given.trim();
  // A number without a unit is not accepted as a duration.
  if (unit === "duration") return parseDuration(text);
  if (unit === "count") return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  return sizeFrom(text);
}

/** Returns the bytes of `64KiB`, `8MiB`, `1.5GB` or a bare number; undefined if the text is not a size. */
export function sizeFrom(text: string): number | undefined {
  const [, number, suffix = ""] = /^(\d{1,15}(?:\.\d{1,3})?) ?([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = BYTE_UNITS[suffix.toUpperCase() as keyof typeof BYTE_UNITS];
  if (number === undefined || factor === undefined) return undefined;
  return Math.round(Number(number) * factor);
}

function numberAccepted(setting: NumberRow): string {
  const least = setting.least > 0 ? ` of at least ${formatNumber(setting.unit, setting.least)}` : "";
  const forms = {
    bytes: `not a size${least}; such as 1048576, 64KiB, 8MiB, 1GiB`,
    duration: `not a duration${least}; such as ${DURATION_FORMS}`,
    count: `not a whole number${least}`,
  };
  return forms[setting.unit];
}

/** Returns a value without its secrets. */
export function shownSetting(setting: Row, value: SettingValue): SettingValue {
  return setting.unit === "json" && setting.withoutSecrets ? setting.withoutSecrets(value) : value;
}

/** Formats a value for people, in a form that {@link readSetting} can parse. */
export function formatSetting({ unit }: Pick<Row, "unit">, value: SettingValue): string {
  if (typeof value === "number" && unit !== "text") return formatNumber(unit as NumberRow["unit"], value);
  if (unit === "list") return (value as readonly string[]).join(",");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const SHOWN_UNITS = {
  duration: [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
    ["ms", 1],
  ],
  bytes: [
    ["GiB", 1024 * MIB],
    ["MiB", MIB],
    ["KiB", 1024],
  ],
  count: [],
} as const satisfies Record<NumberRow["unit"], readonly (readonly [suffix: string, size: number])[]>;

/** Formats a number in the largest unit that divides it exactly, so that parsing returns the same value. */
function formatNumber(unit: NumberRow["unit"], value: number): string {
  if (unit === "duration" && value === 0) return "0s";
  const found = SHOWN_UNITS[unit].find(([, size]) => value >= size && value % size === 0);
  return found ? `${value / found[1]}${found[0]}` : String(value);
}
