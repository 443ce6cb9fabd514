/** Reads the lines of the user's own agent by the rules in its setting. */
import type { OwnCommands, OwnEvent } from "../../core/own-agents.ts";
import { asObject, outputOf } from "../adapter/json.ts";
import type { Fact, Json } from "../adapter/types.ts";

/** State from earlier lines that later lines need. */
export interface OwnMemory {
  session: string | null;
  /** The last text of the agent. */
  text: string;
  /** Ids of the running tool calls, oldest first. We make them up, as the lines need not name calls. */
  calls: string[];
  called: number;
}

export function ownMemory(session: string | null): OwnMemory {
  return { session, text: "", calls: [], called: 0 };
}

/** Reads a line into facts by the first rule that matches. */
export function ownFacts(line: Json, { session, events }: OwnCommands, memory: OwnMemory): Fact[] {
  const id = session === undefined ? undefined : valueAt(line, session);
  const facts: Fact[] = [];
  if (typeof id === "string" && id !== "" && memory.session === null) {
    memory.session = id;
    facts.push({ is: "session", id });
  }
  const rule = events.find(({ when }) =>
    Object.entries(when).every(([path, value]) => valueAt(line, path) === value),
  );
  return rule ? [...facts, ...factsOf(rule, line, memory)] : facts;
}

/** Returns the value at a path of names separated by dots; entries of a list are numbered from 0. */
function valueAt(line: Json, path: string): unknown {
  const below = (value: unknown, name: string) =>
    Array.isArray(value) ? value[Number(name)] : asObject(value)?.[name];
  return path.split(".").reduce<unknown>(below, line);
}

function factsOf({ is, text: path }: OwnEvent, line: Json, memory: OwnMemory): Fact[] {
  const value = path === undefined ? undefined : valueAt(line, path);
  const text = outputOf(value) ?? (value === undefined || value === null ? "" : JSON.stringify(value));
  switch (is) {
    case "text":
      memory.text = text;
      return [{ is: "text", text, piece: false }];
    case "tool":
      return [startTool(text, memory)];
    case "tool-end": {
      const id = memory.calls.shift();
      return id === undefined ? [] : [{ is: "tool-end", id, ok: true, ...(text !== "" && { output: text }) }];
    }
    case "limit":
      // Whether the agent would wait or end, agentctl ends the turn and waits without a process.
      return [
        { is: "limit", kind: "usage", resetsAt: timeOf(value) },
        { is: "end", how: "failed", message: "usage limit" },
      ];
    case "done":
      return [{ is: "end", how: "done", text: text === "" ? memory.text : text }];
    default:
      return [{ is: "end", how: is, message: text }];
  }
}

function startTool(title: string, memory: OwnMemory): Fact {
  const id = `call-${++memory.called}`;
  memory.calls.push(id);
  const name = "tool";
  return { is: "tool", call: { id, name, input: { command: title }, title: title === "" ? name : title } };
}

/** A time below this is in seconds since 1970, a time above in milliseconds. */
const MAX_SECONDS = 1e11;

/** Returns a time in ms since 1970, from a number of seconds or ms or from a date as text; null for anything else. */
function timeOf(value: unknown): number | null {
  if (typeof value === "number") return value < MAX_SECONDS ? value * 1000 : value;
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
