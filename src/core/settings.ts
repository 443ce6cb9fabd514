/**
 * What a user may change, as data: the command line, the daemon and the documentation read this one table.
 * `config.json` holds only the settings that a user has set.
 */
import { type A2aSettings, refuseA2a } from "./a2a.ts";
import { builtInAgents } from "./agents.ts";
import { hooksWithoutSecrets, readHooks } from "./hooks.ts";
import { type OwnAgents, refuseOwnAgents } from "./own-agents.ts";
import { type Row, sizeFrom } from "./setting-value.ts";

const MIB = 1024 * 1024;

const rows = {
  checkpointMaxBytes: {
    name: "checkpoint.maxBytes",
    unit: "bytes",
    fallback: 8 * MIB,
    least: 1024,
    about: "the largest checkpoint, step result or result",
  },
  journalMaxBytes: {
    name: "journal.maxBytes",
    unit: "bytes",
    fallback: 512 * MIB,
    least: 1024,
    about: "how much the results of all steps of a module may take since its start or its last save",
  },
  checkpointKeep: {
    name: "checkpoint.keep",
    unit: "count",
    fallback: 3,
    least: 1,
    about: "how many checkpoints of a task are kept",
  },
  moveMaxBytes: {
    name: "move.maxBytes",
    unit: "bytes",
    fallback: 64 * MIB,
    least: 1024,
    about:
      "how large a task may be that moves to another home: its folder, artifacts, checkpoint and journal",
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
  slotsMax: {
    name: "slots.max",
    unit: "text",
    fallback: "unlimited",
    takesNumbers: true,
    refuse: (text: string) =>
      slotsFrom(text) === undefined ? "neither a whole number nor unlimited" : undefined,
    about: "how many slots the working tasks of all queues take together; a number, or unlimited",
  },
  memoryReserve: {
    name: "memory.reserve",
    unit: "text",
    fallback: "off",
    takesNumbers: true,
    refuse: (text: string) =>
      reserveFrom(text, 1) === undefined
        ? "neither a size, such as 2GiB, nor a share, such as 10%, nor off"
        : undefined,
    about:
      "while less memory is available, no task is started and tasks are paused; a size, a share such as 10%, or off",
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
  hooks: {
    name: "hooks",
    unit: "json",
    fallback: [] as readonly unknown[],
    refuse: (value) => {
      const result = readHooks(value);
      return "reason" in result ? result.reason : undefined;
    },
    withoutSecrets: hooksWithoutSecrets,
    about: "programs and web addresses that are told what happens to tasks; agentctl hook list shows them",
  },
  httpListen: {
    name: "http.listen",
    unit: "text",
    fallback: "off",
    refuse: (text: string) => (addressFrom(text) === undefined ? ADDRESS_REFUSAL : undefined),
    about: "where the daemon answers over HTTP, such as 127.0.0.1:4263; off for nowhere",
  },
  httpRemote: {
    name: "http.remote",
    unit: "flag",
    fallback: false,
    about: "whether http.listen may be an address that other machines reach",
  },
  a2a: {
    name: "a2a",
    unit: "json",
    fallback: {} as A2aSettings & Readonly<Record<string, unknown>>,
    refuse: refuseA2a,
    about:
      "how A2A clients see this home, and what a message starts; agentctl help a2a shows how to write it",
  },
  agents: {
    name: "agents",
    unit: "json",
    fallback: {} as OwnAgents & Readonly<Record<string, unknown>>,
    refuse: (value) => refuseOwnAgents(value, builtInAgents),
    about:
      'coding agents of your own for run --agent, such as {"mine": {"acp": ["my-agent", "--acp"]}}, or with start, resume, session and events',
  },
  notify: {
    name: "notify",
    unit: "text",
    fallback: "off",
    choices: ["off", "desktop"],
    about: "desktop: notifications of ends, failures and questions of tasks that ran longer than a minute",
  },
} as const satisfies Record<string, Row>;

const ADDRESS_REFUSAL = "neither an address with a port, such as 127.0.0.1:4263, nor off";

/** Returns the host and port in a text, null for `off`, undefined for anything else. Port 0 means any free port. */
export function addressFrom(text: string): { host: string; port: number } | null | undefined {
  if (text === "off") return null;
  const [, host = "", port = ""] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** Returns whether only programs on this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Returns why these settings contradict each other, or undefined if they do not. */
export function contradiction({ httpListen, httpRemote }: Settings): string | undefined {
  const address = addressFrom(httpListen);
  if (!address || httpRemote || isLoopback(address.host)) return undefined;
  return `http.listen: other machines reach ${httpListen}, and http.remote is false; agentctl config set http.remote true allows it`;
}

/** Returns the number of slots in a text, null for `unlimited`, undefined if it is neither. */
export function slotsFrom(text: string): number | null | undefined {
  if (text === "unlimited") return null;
  return /^\d{1,7}$/.test(text) ? Number(text) : undefined;
}

/** Returns the bytes that a text means on a machine with `totalBytes`, null for `off`; undefined if it is invalid. */
export function reserveFrom(text: string, totalBytes: number): number | null | undefined {
  if (text === "off") return null;
  const share = /^(\d{1,3}(?:\.\d{1,3})?) ?%$/.exec(text)?.[1];
  if (share === undefined) return sizeFrom(text);
  return Number(share) <= 100 ? Math.round((totalBytes * Number(share)) / 100) : undefined;
}

/** The name of a setting in the code. */
export type SettingKey = keyof typeof rows;

type Widened<T> = T extends number ? number : T extends string ? string : T extends boolean ? boolean : T;

/** The settings that are in effect: durations in ms, sizes in bytes. */
export type Settings = { [K in SettingKey]: Widened<(typeof rows)[K]["fallback"]> };

/** One setting: its names, its unit, its default and what it accepts. */
export type Setting = Row & { key: SettingKey };

/** Every setting, in display order. */
export const settings: readonly Setting[] = Object.entries(rows).map(([key, row]) => ({
  key: key as SettingKey,
  ...row,
}));

/** The settings of a home without any configuration; the numbers are part of the documented contract. */
export const defaultSettings: Settings = Object.fromEntries(
  settings.map(({ key, fallback }) => [key, fallback]),
) as Settings;

/** Returns the setting with that name, such as `log.maxBytes` or `logMaxBytes`. */
export function settingNamed(name: string): Setting | undefined {
  return settings.find((setting) => setting.name === name || setting.key === name);
}
