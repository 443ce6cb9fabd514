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
const TRUE_WORDS = ["true", "on", "yes"];
const FALSE_WORDS = ["false", "off", "no"];

type ReadResult = { value: SettingValue } | { reason: string };

/** Parses a value from a user or from config.json; returns the reason if it is refused. */
export function readSetting(setting: Row, raw: unknown): ReadResult {
  const refuse = (reason: string) => ({ reason: `${JSON.stringify(raw)} is ${reason}` });
  switch (setting.unit) {
    case "text":
      return readText(setting, raw, refuse);
    case "flag": {
      const value = typeof raw === "string" ? flagOf(raw) : raw;
      return typeof value === "boolean" ? { value } : refuse("neither true nor false");
    }
    case "list": {
      const value = typeof raw === "string" ? itemsOf(raw) : raw;
      const isValid = Array.isArray(value) && value.every((each) => typeof each === "string");
      return isValid ? { value } : refuse("not a list of texts");
    }
    case "json":
      return readJson(setting, raw, refuse);
    default: {
      const value = typeof raw === "number" ? raw : numberOf(setting, raw);
      const isValid = value !== undefined && Number.isSafeInteger(value) && value >= setting.least;
      return isValid ? { value } : refuse(describeNumber(setting));
    }
  }
}

function readText(
  { choices, refuse, takesNumbers }: TextRow,
  raw: unknown,
  refusal: (reason: string) => ReadResult,
): ReadResult {
  const text = takesNumbers && typeof raw === "number" ? String(raw) : raw;
  if (typeof text !== "string") return refusal("not a text");
  if (choices && !choices.includes(text)) return refusal(`none of ${choices.join(", ")}`);
  const reason = refuse?.(text);
  return reason === undefined ? { value: text } : refusal(reason);
}

function readJson(
  { fallback, refuse }: JsonRow,
  raw: unknown,
  refusal: (reason: string) => ReadResult,
): ReadResult {
  const value = typeof raw === "string" ? parseJson(raw) : raw;
  const isObject = typeof value === "object" && value !== null;
  const isList = Array.isArray(fallback);
  if (!isObject || Array.isArray(value) !== isList)
    return refusal(isList ? "not a JSON list" : "not a JSON object");
  const reason = refuse?.(value);
  return reason === undefined ? { value: value as SettingValue } : { reason };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function flagOf(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (TRUE_WORDS.includes(word)) return true;
  return FALSE_WORDS.includes(word) ? false : undefined;
}

function itemsOf(text: string): string[] {
  return text
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "");
}

function numberOf({ unit }: NumberRow, raw: unknown): number | undefined {
  if (typeof raw !== "string") return undefined;
  const text = raw.trim();
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

function describeNumber(setting: NumberRow): string {
  const minimum = setting.least > 0 ? ` of at least ${formatNumber(setting.unit, setting.least)}` : "";
  const forms = {
    bytes: `not a size${minimum}; such as 1048576, 64KiB, 8MiB, 1GiB`,
    duration: `not a duration${minimum}; such as ${DURATION_FORMS}`,
    count: `not a whole number${minimum}`,
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
  const largest = SHOWN_UNITS[unit].find(([, size]) => value >= size && value % size === 0);
  return largest ? `${value / largest[1]}${largest[0]}` : String(value);
}
