import { member, numberOf, textOf, titleOf } from "../adapter/json.ts";
import type { Fact, Json } from "../adapter/types.ts";

/** State from earlier events that later events need. */
export interface OpencodeMemory {
  session: string;
  /** Ids of the user's messages; their text is not the agent's. */
  users: Set<string>;
  /** Keys of what was already reported, each of which is reported only once. */
  reported: Set<string>;
  texts: Map<string, string>;
  text: string;
  error: string | undefined;
  isStopped: boolean;
  isBusy: boolean;
}

export function opencodeMemory(session: string): OpencodeMemory {
  const [users, reported, texts] = [new Set<string>(), new Set<string>(), new Map<string, string>()];
  return { session, users, reported, texts, text: "", error: undefined, isStopped: false, isBusy: false };
}

/** Reads an event of `opencode serve` into facts about the session. */
export function opencodeFacts(event: Json, memory: OpencodeMemory): Fact[] {
  const properties = member(event, "properties");
  const session = textOf(properties.sessionID) ?? textOf(member(properties, "info").sessionID);
  if (session !== undefined && memory.session !== "" && session !== memory.session) return [];
  switch (event.type) {
    case "message.updated":
      return messageFacts(member(properties, "info"), memory);
    case "message.part.updated":
      return partFacts(member(properties, "part"), memory);
    case "session.status":
      return statusFacts(member(properties, "status"), memory);
    case "session.error":
      return errorFacts(member(properties, "error"), memory);
    case "session.idle":
      return idleFacts(memory);
    default:
      return [];
  }
}

function messageFacts(info: Json, memory: OpencodeMemory): Fact[] {
  const id = textOf(info.id) ?? "";
  if (info.role === "user") memory.users.add(id);
  if (info.role !== "assistant") return [];
  // The last update of an aborted message comes after the end of the turn.
  if (info.error === undefined && member(info, "time").completed === undefined) memory.isBusy = true;
  const model = textOf(info.modelID);
  const facts: Fact[] = model && reportOnce(memory, "model") ? [{ is: "session", model }] : [];
  return reportOnce(memory, `turn ${id}`) ? [...facts, { is: "turn" }] : facts;
}

function reportOnce({ reported }: OpencodeMemory, key: string): boolean {
  if (reported.has(key)) return false;
  reported.add(key);
  return true;
}

function partFacts(part: Json, memory: OpencodeMemory): Fact[] {
  if (memory.users.has(textOf(part.messageID) ?? "")) return [];
  if (part.type === "text") return textFacts(part, memory);
  return part.type === "tool" ? toolFacts(part, memory) : [];
}

/** Reads a text part. opencode sends it again as it grows; it is complete when its time has an end. */
function textFacts(part: Json, memory: OpencodeMemory): Fact[] {
  const text = textOf(part.text) ?? "";
  if (text === "" || member(part, "time").end === undefined || !reportOnce(memory, `text ${part.id}`))
    return [];
  memory.text = text;
  return [{ is: "text", text, piece: false }];
}

function toolFacts(part: Json, memory: OpencodeMemory): Fact[] {
  const id = textOf(part.callID) ?? "";
  const state = member(part, "state");
  const name = textOf(part.tool) ?? "tool";
  const facts: Fact[] = [];
  const isBegun = state.status !== "pending" && reportOnce(memory, `tool ${id}`);
  const call = { id, name, input: state.input ?? null, title: titleOf(name, state.input) };
  if (isBegun) facts.push({ is: "tool", call });
  const hasEnded = state.status === "completed" || state.status === "error";
  if (!hasEnded || !reportOnce(memory, `over ${id}`)) return facts;
  const exit = numberOf(member(state, "metadata").exit);
  const output = textOf(state.output) ?? textOf(state.error);
  const ok = state.status === "completed" && (exit ?? 0) === 0;
  return [
    ...facts,
    { is: "tool-end", id, ok, ...(exit !== undefined && { exit }), ...(output !== undefined && { output }) },
  ];
}

/** Reads what the session has used and cost from the server's response about it. */
export function usedOf(session: Json): Fact[] {
  const tokens = member(session, "tokens");
  const inputTokens = numberOf(tokens.input) ?? 0;
  const outputTokens = (numberOf(tokens.output) ?? 0) + (numberOf(tokens.reasoning) ?? 0);
  const cachedTokens = numberOf(member(tokens, "cache").read) ?? 0;
  const usd = numberOf(session.cost);
  return [
    { is: "usage", used: { of: "session", inputTokens, outputTokens, cachedTokens } },
    ...(usd === undefined ? [] : [{ is: "cost", of: "session", usd } as const]),
  ];
}

function statusFacts(status: Json, memory: OpencodeMemory): Fact[] {
  if (status.type === "busy") memory.isBusy = true;
  if (status.type !== "retry") return [];
  const resetsAt = numberOf(status.next) ?? null;
  return [{ is: "limit", kind: "retry", resetsAt, isRetry: true }];
}

function errorFacts(error: Json, memory: OpencodeMemory): Fact[] {
  if (error.name === "MessageAbortedError") memory.isStopped = true;
  else memory.error = textOf(member(error, "data").message) ?? textOf(error.name) ?? "the agent failed";
  return [];
}

/** Ends the turn. After an aborted tool call, opencode sends a second idle event, which we ignore. */
function idleFacts(memory: OpencodeMemory): Fact[] {
  const { isBusy, isStopped, error, text } = memory;
  memory.isBusy = false;
  memory.isStopped = false;
  memory.error = undefined;
  if (!isBusy) return [];
  if (isStopped) return [{ is: "end", how: "stopped" }];
  if (error !== undefined) return [{ is: "end", how: "failed", message: error }];
  return [{ is: "end", how: "done", text }];
}
