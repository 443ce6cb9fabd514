/**
 * The numbers that a user may change, as data: the command line, the daemon and the documentation read this one table.
 * `config.json` holds those that differ from their defaults.
 */
import { formatDuration, parseDuration } from "./time.ts";

const MIB = 1024 * 1024;

interface Row {
  name: string;
  unit: "bytes" | "duration" | "count";
  fallback: number;
  least: number;
  about: string;
}

const rows = {
  checkpointMaxBytes: {
    name: "checkpoint.maxBytes",
    unit: "bytes",
    fallback: 8 * MIB,
    least: 1024,
    about: "the largest checkpoint, step result or result",
  },
  checkpointKeep: {
    name: "checkpoint.keep",
    unit: "count",
    fallback: 3,
    least: 1,
    about: "how many checkpoints of a task are kept",
  },
  logMaxBytes: {
    name: "log.maxBytes",
    unit: "bytes",
    fallback: 256 * MIB,
    least: 64 * 1024,
    about: "how much output of a task is kept; the oldest goes first",
  },
  pauseGraceMs: {
    name: "pause.grace",
    unit: "duration",
    fallback: 60_000,
    least: 0,
    about: "how long a task may take to save a checkpoint when it is paused",
  },
  cancelGraceMs: {
    name: "cancel.grace",
    unit: "duration",
    fallback: 10_000,
    least: 0,
    about: "how long a task has between TERM and KILL",
  },
  queueMaxOpen: {
    name: "queue.maxOpen",
    unit: "count",
    fallback: 100_000,
    least: 1,
    about: "how many open tasks a queue may hold; more are refused",
  },
  retentionMs: {
    name: "retention.age",
    unit: "duration",
    fallback: 30 * 86_400_000,
    least: 0,
    about: "ended tasks older than this are deleted",
  },
  retentionBytes: {
    name: "retention.maxBytes",
    unit: "bytes",
    fallback: 5 * 1024 * MIB,
    least: 0,
    about: "the oldest ended tasks are deleted when all together take more",
  },
  backupEveryMs: {
    name: "backup.every",
    unit: "duration",
    fallback: 3_600_000,
    least: 0,
    about: "how often the store is backed up; 0s for never",
  },
  backupKeep: {
    name: "backup.keep",
    unit: "count",
    fallback: 5,
    least: 1,
    about: "how many backups are kept",
  },
  hosts: {
    name: "hosts",
    unit: "count",
    fallback: 4,
    least: 0,
    about: "most processes for task modules that are started ahead while tasks run, as many as run at once",
  },
} as const satisfies Record<string, Row>;

/** A setting by the name that the program gives it. */
export type SettingKey = keyof typeof rows;

/** What holds: durations in ms, sizes in bytes. */
export type Settings = Record<SettingKey, number>;

/** One setting: its names, what it is counted in, its default and its smallest value. */
export type Setting = Row & { key: SettingKey };

/** Every setting, in the order in which they are shown. */
export const settings: readonly Setting[] = Object.entries(rows).map(([key, row]) => ({
  key: key as SettingKey,
  ...row,
}));

/** What holds where nothing was configured; the numbers are those of the contract. */
export const defaultSettings: Settings = Object.fromEntries(
  settings.map(({ key, fallback }) => [key, fallback]),
) as Settings;

/** The setting of that name: `log.maxBytes`, or `logMaxBytes`. */
export function settingNamed(name: string): Setting | undefined {
  return settings.find((setting) => setting.name === name || setting.key === name);
}

const BYTE_UNITS = { "": 1, B: 1, KIB: 1024, MIB, GIB: 1024 * MIB, KB: 1e3, MB: 1e6, GB: 1e9 } as const;

/** A value as a person or config.json gives it, or what is accepted instead. */
export function readSetting(setting: Setting, given: unknown): { value: number } | { reason: string } {
  const value = typeof given === "number" ? given : fromText(setting, given);
  const isGood = value !== undefined && Number.isSafeInteger(value) && value >= setting.least;
  return isGood ? { value } : { reason: `${JSON.stringify(given)} is ${acceptedBy(setting)}` };
}

function fromText({ unit }: Setting, given: unknown): number | undefined {
  if (typeof given !== "string") return undefined;
  const text = given.trim();
  // How much of what a bare number is, nobody can tell.
  if (unit === "duration") return parseDuration(text);
  if (unit === "count") return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  const [, number, suffix = ""] = /^(\d{1,15}(?:\.\d{1,3})?) ?([a-zA-Z]*)$/.exec(text) ?? [];
  const factor = BYTE_UNITS[suffix.toUpperCase() as keyof typeof BYTE_UNITS];
  if (number === undefined || factor === undefined) return undefined;
  return Math.round(Number(number) * factor);
}

function acceptedBy(setting: Setting): string {
  const least = setting.least > 0 ? ` of at least ${formatSetting(setting, setting.least)}` : "";
  const forms = {
    bytes: `no size${least}; such as 1048576, 64KiB, 8MiB, 1GiB`,
    duration: `no duration${least}; such as 500ms, 90s, 15m, 2h, 3d`,
    count: `no whole number${least}`,
  };
  return forms[setting.unit];
}

/** A value as {@link readSetting} takes it and a person reads it. */
export function formatSetting({ unit }: Pick<Setting, "unit">, value: number): string {
  if (unit === "duration") return value === 0 ? "0s" : exactly(value, formatDuration(value));
  if (unit === "count") return String(value);
  for (const [suffix, size] of [
    ["GiB", 1024 * MIB],
    ["MiB", MIB],
    ["KiB", 1024],
  ] as const) {
    if (value >= size && value % size === 0) return `${value / size}${suffix}`;
  }
  return String(value);
}

function exactly(ms: number, text: string): string {
  return parseDuration(text) === ms ? text : `${ms}ms`;
}
