/**
 * Hooks: programs or web addresses that are notified of a task's events. `config.json` holds them as a list; this file
 * defines what a valid hook is and which events it matches.
 */
import { states } from "./machine.ts";
import type { Task, TaskEvent } from "./task.ts";

/** One hook of `config.json`. */
export interface Hook {
  /** States that a task can enter, or causes of its events; a match with one of them is enough. */
  on: string[];
  where: { queue?: string; labels?: Record<string, string>; name?: string };
  /** A program with its arguments, or the address that receives a POST. */
  target: { run: string[] } | { url: string; secret: string | null };
  /** For a hook that an A2A client registered: its only task, and how to notify the client. */
  push?: {
    task: number;
    id: string;
    headers: Record<string, string>;
    form: "1.0" | "0.3";
    after: number | null;
  };
}

/** Causes of events that a hook may name besides the states; `docs/states.md` says when each is written. */
const hookCauses = [
  "run",
  "start",
  "pause",
  "resume",
  "until",
  "preempted",
  "shutdown",
  "limit",
  "budget",
  "stalled",
  "lost",
  "corrupt",
  "mismatch",
  "ask",
  "answer",
  "retry",
  "sleep",
  "end",
  "cannot-start",
  "dependency",
  "timeout",
  "cancel",
  "edit",
  "delete",
] as const;

const fields = ["on", "where", "run", "url", "secret"];
const whereFields = ["queue", "labels", "name"];

/** Returns the hooks that `config.json` lists, or why one is invalid: which hook, which field, what is accepted. */
export function readHooks(raw: unknown): { value: Hook[] } | { reason: string } {
  if (!Array.isArray(raw)) return { reason: "hooks must be a list of objects with `on` and `run` or `url`" };
  const hooks: Hook[] = [];
  for (const [index, rawHook] of raw.entries()) {
    const hook = readHook(rawHook);
    if (typeof hook === "string") return { reason: `hook ${index + 1}: ${hook}` };
    hooks.push(hook);
  }
  return { value: hooks };
}

function readHook(raw: unknown): Hook | string {
  if (!isRecord(raw)) return "it must be an object with `on` and `run` or `url`";
  const unknown = Object.keys(raw).find((key) => !fields.includes(key));
  if (unknown !== undefined)
    return `there is no field ${JSON.stringify(unknown)}; it may have ${fields.join(", ")}`;
  const on = readOn(raw.on);
  if (typeof on === "string") return on;
  const where = readWhere(raw.where ?? {});
  if (typeof where === "string") return where;
  const target = readTarget(raw);
  return typeof target === "string" ? target : { on, where, target };
}

function readOn(raw: unknown): string[] | string {
  const list = typeof raw === "string" ? [raw] : raw;
  if (!isTexts(list) || list.length === 0) return "`on` must name one or more states or causes";
  const accepted = new Set<string>([...states, ...hookCauses]);
  const unknown = list.find((name) => !accepted.has(name));
  if (unknown === undefined) return list;
  return `\`on\`: ${JSON.stringify(unknown)} is neither a state nor a cause; accepted are ${[...accepted].join(", ")}`;
}

function readWhere(raw: unknown): Hook["where"] | string {
  if (!isRecord(raw)) return "`where` must be an object with queue, labels or name";
  const unknown = Object.keys(raw).find((key) => !whereFields.includes(key));
  if (unknown !== undefined)
    return `\`where\` has no field ${JSON.stringify(unknown)}; it may have ${whereFields.join(", ")}`;
  const { queue, name, labels } = raw;
  if (queue !== undefined && typeof queue !== "string") return "`where.queue` must be the name of a queue";
  if (name !== undefined && typeof name !== "string") return "`where.name` must be a pattern such as build-*";
  if (labels !== undefined && !(isRecord(labels) && isTexts(Object.values(labels))))
    return "`where.labels` must be an object of texts";
  return raw as Hook["where"];
}

function readTarget({ run, url, secret }: Record<string, unknown>): Hook["target"] | string {
  if ((run === undefined) === (url === undefined)) return "it must have either `run` or `url`";
  if (secret !== undefined && typeof secret !== "string") return "`secret` must be a text such as whsec_…";
  if (run !== undefined) {
    if (!isTexts(run) || run.length === 0) return "`run` must be a list: the program and its arguments";
    return secret === undefined ? { run } : "`secret` belongs to a `url`";
  }
  if (secret?.startsWith("whsec_") && !/^whsec_[A-Za-z0-9+/]+={0,2}$/.test(secret))
    return "`secret`: what follows whsec_ must be base64";
  const isAddress = typeof url === "string" && /^https?:\/\/[^/]/.test(url) && URL.canParse(url);
  return isAddress ? { url, secret: secret ?? null } : "`url` must be an http or https address";
}

/** Returns whether `hook` names the state or the cause of this event. */
export function matchesEvent({ on }: Hook, { to, cause }: TaskEvent): boolean {
  return on.some((name) => name === to || name === cause);
}

/** Returns whether `hook` matches this task. Only a hook for all tasks matches null, a task that has been deleted. */
export function matchesTask({ where: { queue, labels, name }, push }: Hook, task: Task | null): boolean {
  if (push) return task?.id === push.task;
  if (!task) return queue === undefined && labels === undefined && name === undefined;
  if (queue !== undefined && task.queue !== queue) return false;
  if (name !== undefined && !(task.name !== null && glob(name).test(task.name))) return false;
  return Object.entries(labels ?? {}).every(([key, value]) => task.labels[key] === value);
}

/** Converts a shell pattern (`*`, `?`, `[a-c]`) to a regular expression that matches a whole name. */
function glob(pattern: string): RegExp {
  const source = pattern.replace(/\[!?[^\]]+\]|[\s\S]/gu, (part) => {
    if (part === "*") return "[\\s\\S]*";
    if (part === "?") return "[\\s\\S]";
    if (part.length > 2 && part.startsWith("[")) return part.replace(/^\[!/, "[^").replaceAll("\\", "\\\\");
    return part.replace(/[\\^$.|+(){}[\]/]/, "\\$&");
  });
  return new RegExp(`^${source}$`, "u");
}

/** Returns the hooks of `config.json` with their secrets and passwords hidden, so that they can be shown. */
export function hooksWithoutSecrets(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) return [];
  return value.map((hook) => {
    if (!isRecord(hook)) return hook;
    const secret = "secret" in hook ? { secret: "(hidden)" } : {};
    const url = typeof hook.url === "string" ? { url: withoutPassword(hook.url) } : {};
    return { ...hook, ...url, ...secret };
  });
}

/** Returns the address with its password hidden. */
export function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/[^:@/]*):[^/?#]*@/, "$1:(hidden)@");
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}
