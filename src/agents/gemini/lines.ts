import { member, numberOf, textOf, titleOf } from "../adapter/json.ts";
import type { Fact, Json } from "../adapter/types.ts";

/** State from earlier lines that later lines need. */
export interface GeminiMemory {
  /** The model's text since its last tool call. */
  text: string;
  /** A hook has stopped the turn. The turn's result is `success` even then. */
  isStopped: boolean;
  isAnswering: boolean;
}

export function geminiMemory(): GeminiMemory {
  return { text: "", isStopped: false, isAnswering: false };
}

/** Reads a line of `-o stream-json` into facts. */
export function geminiFacts(line: Json, memory: GeminiMemory): Fact[] {
  switch (line.type) {
    case "init": {
      const id = textOf(line.session_id);
      const model = textOf(line.model);
      return [{ is: "session", ...(id && { id }), ...(model && { model }) }];
    }
    case "message":
      return line.role === "assistant" ? messageFacts(line, memory) : [];
    case "tool_use":
      return toolFacts(line, memory);
    case "tool_result":
      return toolResultFacts(line, memory);
    case "result":
      return resultFacts(line, memory);
    default:
      return [];
  }
}

/** Notes that the model answers. An answer begins with its first piece of text or with a call. */
function answerFacts(memory: GeminiMemory): Fact[] {
  if (memory.isAnswering) return [];
  memory.isAnswering = true;
  memory.text = "";
  return [{ is: "turn" }];
}

function messageFacts({ content, delta }: Json, memory: GeminiMemory): Fact[] {
  const turnFacts = answerFacts(memory);
  const text = textOf(content) ?? "";
  memory.text += text;
  return [...turnFacts, { is: "text", text, piece: delta === true }];
}

function toolFacts({ tool_id, tool_name, parameters }: Json, memory: GeminiMemory): Fact[] {
  const name = textOf(tool_name) ?? "tool";
  const call = {
    id: textOf(tool_id) ?? "",
    name,
    input: parameters ?? null,
    title: titleOf(name, parameters),
  };
  return [...answerFacts(memory), { is: "tool", call }];
}

function toolResultFacts(line: Json, memory: GeminiMemory): Fact[] {
  memory.isAnswering = false;
  if (member(line, "error").type === "stop_execution") memory.isStopped = true;
  const output = textOf(line.output) ?? textOf(member(line, "error").message);
  const id = textOf(line.tool_id) ?? "";
  return [{ is: "tool-end", id, ok: line.status === "success", ...(output !== undefined && { output }) }];
}

/** How the provider reports that a quota is used up. */
const QUOTA = /exhausted your (daily )?quota|RESOURCE_EXHAUSTED|quota exceeded/i;

function resultFacts(line: Json, memory: GeminiMemory): Fact[] {
  const stats = member(line, "stats");
  const inputTokens = numberOf(stats.input_tokens) ?? 0;
  const outputTokens = numberOf(stats.output_tokens) ?? 0;
  const cachedTokens = numberOf(stats.cached) ?? 0;
  const usage: Fact = { is: "usage", used: { of: "process", inputTokens, outputTokens, cachedTokens } };
  if (line.status === "success") {
    const end: Fact = memory.isStopped
      ? { is: "end", how: "stopped" }
      : { is: "end", how: "done", text: memory.text };
    return [usage, end];
  }
  const message = textOf(member(line, "error").message) ?? `the agent ended as ${String(line.status)}`;
  const limit: Fact[] = QUOTA.test(message) ? [{ is: "limit", kind: "quota", resetsAt: null }] : [];
  return [usage, ...limit, { is: "end", how: "failed", message }];
}
