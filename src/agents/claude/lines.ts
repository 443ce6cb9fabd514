import { listOf, member, numberOf, outputOf, textOf, titleOf } from "../adapter/json.ts";
import type { Fact, Json, ToolCall } from "../adapter/types.ts";

/** State from earlier lines that later lines need. */
export interface ClaudeMemory {
  version: string | undefined;
  /** The message that the main agent streams now or streamed last. */
  message: { id: string; tools: number; isWhole: boolean } | undefined;
  /** Ids of the model's answers that are already counted. */
  counted: Set<string>;
  /** Tokens of the ended answers of this process, until the result line reports the exact numbers. */
  input: number;
  output: number;
  cached: number;
  isLimited: boolean;
}

/** `version` is the agent's version as far as it is known before a line reports it. */
export function claudeMemory(version?: string): ClaudeMemory {
  return {
    version,
    message: undefined,
    counted: new Set(),
    input: 0,
    output: 0,
    cached: 0,
    isLimited: false,
  };
}

/** Reads a line of `--output-format stream-json` into facts. */
export function claudeFacts(line: Json, memory: ClaudeMemory): Fact[] {
  switch (line.type) {
    case "system":
      return systemFacts(line, memory);
    case "stream_event":
      return streamFacts(line, memory);
    case "assistant":
      return assistantFacts(line, memory);
    case "user":
      return userFacts(line);
    case "rate_limit_event":
      return limitFacts(line, memory);
    case "result":
      return resultFacts(line, memory);
    default:
      // Claude Code 2.1.332 prints results without `type`; their other members are those of a result.
      return Object.hasOwn(line, "terminal_reason") ? resultFacts(line, memory) : [];
  }
}

function systemFacts(line: Json, memory: ClaudeMemory): Fact[] {
  if (line.subtype === "init") {
    const id = textOf(line.session_id);
    const model = textOf(line.model);
    const version = textOf(line.claude_code_version);
    memory.version = version;
    return [{ is: "session", ...(id && { id }), ...(model && { model }), ...(version && { version }) }];
  }
  if (line.subtype === "api_retry" && line.error_status === 429) {
    const retryMs = numberOf(line.retry_delay_ms) ?? 0;
    return [{ is: "limit", kind: textOf(line.error) ?? "rate_limit", resetsAt: null, retryMs }];
  }
  return [];
}

/** Follows the main agent's message as it streams: how many tools it calls, and whether it is complete. */
function streamFacts(line: Json, memory: ClaudeMemory): Fact[] {
  const event = member(line, "event");
  if (line.parent_tool_use_id) return [];
  const message = memory.message;
  if (event.type === "message_start") {
    const id = textOf(member(event, "message").id) ?? "";
    memory.message = { id, tools: 0, isWhole: false };
  }
  if (event.type === "content_block_start" && message && member(event, "content_block").type === "tool_use")
    message.tools++;
  if (event.type === "message_stop" && message) message.isWhole = true;
  if (event.type !== "message_delta") return [];
  const usage = member(event, "usage");
  memory.input += numberOf(usage.input_tokens) ?? 0;
  memory.output += numberOf(usage.output_tokens) ?? 0;
  memory.cached += numberOf(usage.cache_read_input_tokens) ?? 0;
  return [usageFact(memory.input, memory.output, memory.cached)];
}

function usageFact(inputTokens: number, outputTokens: number, cachedTokens: number): Fact {
  return { is: "usage", used: { of: "process", inputTokens, outputTokens, cachedTokens } };
}

function assistantFacts(line: Json, memory: ClaudeMemory): Fact[] {
  const { counted } = memory;
  const message = member(line, "message");
  const agent = textOf(line.parent_tool_use_id);
  const facts: Fact[] = [];
  const id = textOf(message.id) ?? "";
  if (message.model !== "<synthetic>" && !counted.has(id)) {
    counted.add(id);
    facts.push({ is: "turn" }, ...usageFacts(message, memory));
  }
  for (const block of listOf(message.content)) {
    if (block.type === "text" && !agent)
      facts.push({ is: "text", text: textOf(block.text) ?? "", piece: false });
    if (block.type === "tool_use") facts.push({ is: "tool", call: callOf(block), ...(agent && { agent }) });
  }
  return facts;
}

/** Counts the usage of a whole message. If the agent streams messages, their parts report it more exactly. */
function usageFacts(message: Json, memory: ClaudeMemory): Fact[] {
  const usage = member(message, "usage");
  if (memory.message !== undefined || usage.input_tokens === undefined) return [];
  memory.input += numberOf(usage.input_tokens) ?? 0;
  memory.output += numberOf(usage.output_tokens) ?? 0;
  memory.cached += numberOf(usage.cache_read_input_tokens) ?? 0;
  return [usageFact(memory.input, memory.output, memory.cached)];
}

function callOf({ id, name, input }: Json): ToolCall {
  const tool = textOf(name) ?? "tool";
  return { id: textOf(id) ?? "", name: tool, input: input ?? null, title: titleOf(tool, input) };
}

function userFacts(line: Json): Fact[] {
  return listOf(member(line, "message").content).flatMap((block): Fact[] => {
    if (block.type !== "tool_result") return [];
    const output = outputOf(block.content);
    const id = textOf(block.tool_use_id) ?? "";
    return [{ is: "tool-end", id, ok: block.is_error !== true, ...(output !== undefined && { output }) }];
  });
}

function limitFacts(line: Json, memory: ClaudeMemory): Fact[] {
  const info = member(line, "rate_limit_info");
  const seconds = numberOf(info.resetsAt);
  const kind = textOf(info.rateLimitType) ?? "rate_limit";
  if (info.status !== "rejected") return [];
  memory.isLimited = true;
  return [{ is: "limit", kind, resetsAt: seconds === undefined ? null : seconds * 1000 }];
}

function resultFacts(line: Json, memory: ClaudeMemory): Fact[] {
  const usage = member(line, "usage");
  const facts: Fact[] = [];
  const [input, output] = [numberOf(usage.input_tokens), numberOf(usage.output_tokens)];
  if (input !== undefined && output !== undefined)
    facts.push(usageFact(input, output, numberOf(usage.cache_read_input_tokens) ?? 0));
  const usd = numberOf(line.total_cost_usd);
  if (usd !== undefined) facts.push({ is: "cost", of: costOf(memory.version), usd });
  if (line.api_error_status === 429 && !memory.isLimited)
    facts.push({ is: "limit", kind: "rate_limit", resetsAt: null });
  facts.push(endFact(line));
  return facts;
}

/** Returns what the cost covers: the whole session from WHOLE_SESSION on, the first version where we saw that. */
function costOf(version = "0"): "process" | "session" {
  return isAtLeast(version, WHOLE_SESSION) ? "session" : "process";
}

const WHOLE_SESSION = "2.1.332";

/** Whether `version` is `minVersion` or newer. */
export function isAtLeast(version: string, minVersion: string): boolean {
  const [parts, minParts] = [version, minVersion].map((text) =>
    text.split(".").map((part) => Number.parseInt(part, 10) || 0),
  );
  for (const [index, minPart] of (minParts ?? []).entries()) {
    const part = parts?.[index] ?? 0;
    if (part !== minPart) return part > minPart;
  }
  return true;
}

function endFact(line: Json): Fact {
  const deferred = member(line, "deferred_tool_use");
  const text = textOf(line.result);
  const errors = Array.isArray(line.errors) ? line.errors.filter((each) => typeof each === "string") : [];
  if (line.stop_reason === "tool_deferred" && deferred.id)
    return { is: "end", how: "deferred", deferred: callOf(deferred) };
  const reason = textOf(line.terminal_reason);
  if (reason?.startsWith("aborted")) return { is: "end", how: "stopped" };
  if (errors.some((each) => /^No conversation found/.test(each)))
    return { is: "end", how: "gone", message: String(errors[0]) };
  const isSuccess =
    line.subtype === "success" && line.is_error === false && (reason ?? "completed") === "completed";
  if (isSuccess) return { is: "end", how: "done", text: text ?? "" };
  const message = text || errors.join("; ") || textOf(line.subtype) || "the agent ended with an error";
  return { is: "end", how: "failed", message };
}
