import { asObject, listOf, member, numberOf, outputOf, textOf } from "../adapter/json.ts";
import { messageOf } from "../adapter/rpc.ts";
import type { Fact, Json, ToolCall } from "../adapter/types.ts";

/** State from earlier lines that later lines need. */
export interface AcpMemory {
  calls: Map<string, ToolCall>;
  begun: Set<string>;
  text: string;
  isAnswering: boolean;
}

export function acpMemory(): AcpMemory {
  return { calls: new Map(), begun: new Set(), text: "", isAnswering: false };
}

/** Reads a notification `session/update` into facts. */
export function updateFacts(line: Json, memory: AcpMemory): Fact[] {
  const update = member(member(line, "params"), "update");
  switch (update.sessionUpdate) {
    case "agent_message_chunk":
      return textFacts(textOf(member(update, "content").text) ?? "", memory);
    case "tool_call":
    case "tool_call_update":
      return toolFacts(update, memory);
    case "usage_update": {
      const usd = numberOf(member(update, "cost").amount);
      return usd === undefined ? [] : [{ is: "cost", of: "session", usd }];
    }
    default:
      return [];
  }
}

function textFacts(text: string, memory: AcpMemory): Fact[] {
  const turnFacts: Fact[] = memory.isAnswering ? [] : [{ is: "turn" }];
  if (!memory.isAnswering) memory.text = "";
  memory.isAnswering = true;
  memory.text += text;
  return text === "" ? turnFacts : [...turnFacts, { is: "text", text, piece: true }];
}

/** Returns the call with everything that is known of it so far: agents send its input bit by bit. */
export function callOf(update: Json, memory: AcpMemory): ToolCall {
  const id = textOf(update.toolCallId) ?? "";
  const previous = memory.calls.get(id);
  const name =
    textOf(member(member(update, "_meta"), "claudeCode").toolName) ??
    textOf(update.kind) ??
    previous?.name ??
    "tool";
  const input = hasInput(update) ? update.rawInput : (previous?.input ?? null);
  const command = textOf(asObject(input)?.command);
  const title = command ?? textOf(update.title) ?? previous?.title ?? name;
  const call = { id, name, input: input ?? { title }, title };
  memory.calls.set(id, call);
  return call;
}

function hasInput({ rawInput }: Json): boolean {
  return Object.keys(asObject(rawInput) ?? {}).length > 0;
}

/** Reports the start of a call, but only once. Callers call it as soon as they know what the call does. */
export function startFacts(call: ToolCall, memory: AcpMemory): Fact[] {
  if (memory.begun.has(call.id)) return [];
  memory.begun.add(call.id);
  memory.isAnswering = false;
  return [{ is: "tool", call }];
}

function toolFacts(update: Json, memory: AcpMemory): Fact[] {
  const call = callOf(update, memory);
  const { status } = update;
  const hasEnded = status === "completed" || status === "failed";
  const isKnown = hasInput(update) || status === "in_progress" || hasEnded;
  const facts = isKnown ? startFacts(call, memory) : [];
  if (!hasEnded) return facts;
  const outputs = listOf(update.content).map((each) => outputOf(member(each, "content").text));
  const output = outputOf(update.rawOutput) ?? outputs.find((text) => text !== undefined);
  return [
    ...facts,
    { is: "tool-end", id: call.id, ok: status === "completed", ...(output !== undefined && { output }) },
  ];
}

/** Reads the response to a prompt into facts. */
export function answerFacts(result: Json, memory: AcpMemory): Fact[] {
  const { stopReason } = result;
  const count = member(member(member(result, "_meta"), "quota"), "token_count");
  const [inputTokens, outputTokens] = [numberOf(count.input_tokens), numberOf(count.output_tokens)];
  const usageFacts: Fact[] =
    inputTokens === undefined || outputTokens === undefined
      ? []
      : [{ is: "usage", used: { of: "process", inputTokens, outputTokens, cachedTokens: 0 } }];
  if (stopReason === "end_turn") return [...usageFacts, { is: "end", how: "done", text: memory.text }];
  if (stopReason === "cancelled") return [...usageFacts, { is: "end", how: "stopped" }];
  return [...usageFacts, { is: "end", how: "failed", message: `the agent stopped: ${String(stopReason)}` }];
}

/** Reads the error response to a prompt into facts. A limit never comes with the time at which it ends. */
export function refusalFacts(error: Json): Fact[] {
  const data = member(error, "data");
  const isLimit =
    error.code === 429 || data.errorKind === "rate_limit" || data.codexErrorInfo === "usageLimitExceeded";
  const message = messageOf(error) ?? "the agent failed";
  const limit: Fact[] = isLimit ? [{ is: "limit", kind: "rate_limit", resetsAt: null }] : [];
  return [...limit, { is: "end", how: "failed", message }];
}
