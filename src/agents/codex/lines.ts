import { listOf, member, numberOf, textOf } from "../adapter/json.ts";
import type { Fact, Json, ToolCall } from "../adapter/types.ts";

/** State from earlier lines that later lines need. */
export interface CodexMemory {
  /** The model's last whole message, which is the result of the turn. */
  text: string;
  /** Tokens that the thread had used after the last counted answer of the model. */
  usedTokens: number;
}

export function codexMemory(): CodexMemory {
  return { text: "", usedTokens: 0 };
}

/** Reads a notification or a response of `codex app-server` into facts. */
export function codexFacts(line: Json, memory: CodexMemory): Fact[] {
  const params = member(line, "params");
  switch (line.method) {
    case "item/started":
      return startFacts(member(params, "item"));
    case "item/completed":
      return completionFacts(member(params, "item"), memory);
    case "thread/tokenUsage/updated":
      return usageFacts(member(member(params, "tokenUsage"), "total"), memory);
    case "account/rateLimits/updated":
      return limitFacts(member(params, "rateLimits"));
    case "error":
      return errorFacts(params);
    case "turn/completed":
      return [endFact(member(params, "turn"), memory)];
    case undefined:
      return answerFacts(member(line, "result"));
    default:
      return [];
  }
}

/** The types of items that are tool calls. */
const TOOLS = ["commandExecution", "fileChange", "mcpToolCall", "webSearch", "dynamicToolCall"];

/** Returns an item as a tool call; undefined if it is not one. A command comes without the shell that wraps it. */
export function callOf(item: Json): ToolCall | undefined {
  const name = textOf(item.type) ?? "";
  const id = textOf(item.id);
  if (!TOOLS.includes(name) || id === undefined) return undefined;
  const [action] = listOf(item.commandActions);
  const command = textOf(action?.command) ?? textOf(item.command);
  if (name === "commandExecution") return { id, name, input: { command }, title: command ?? name };
  const paths = listOf(item.changes).flatMap(({ path }) => textOf(path) ?? []);
  if (name === "fileChange") return { id, name, input: { paths }, title: paths.join(", ") || name };
  const title = textOf(item.tool) ?? textOf(item.query) ?? name;
  return { id, name, input: item.arguments ?? null, title };
}

function startFacts(item: Json): Fact[] {
  const call = callOf(item);
  return call ? [{ is: "tool", call }] : [];
}

function completionFacts(item: Json, memory: CodexMemory): Fact[] {
  if (item.type === "agentMessage") {
    memory.text = textOf(item.text) ?? "";
    return memory.text === "" ? [] : [{ is: "text", text: memory.text, piece: false }];
  }
  const call = callOf(item);
  if (!call) return [];
  const exit = numberOf(item.exitCode);
  const output = textOf(item.aggregatedOutput);
  const isSuccess = item.status === "completed" && (exit ?? 0) === 0;
  return [
    {
      is: "tool-end",
      id: call.id,
      ok: isSuccess,
      ...(exit !== undefined && { exit }),
      ...(output !== undefined && { output }),
    },
  ];
}

/** Reads the usage. Codex reports it after each answer of the model, so a higher number also counts as a turn. */
function usageFacts(total: Json, memory: CodexMemory): Fact[] {
  const inputTokens = numberOf(total.inputTokens) ?? 0;
  const outputTokens = numberOf(total.outputTokens) ?? 0;
  const cachedTokens = numberOf(total.cachedInputTokens) ?? 0;
  const used = inputTokens + outputTokens;
  const hasGrown = used > memory.usedTokens;
  memory.usedTokens = used;
  const fact: Fact = { is: "usage", used: { of: "session", inputTokens, outputTokens, cachedTokens } };
  return hasGrown ? [{ is: "turn" }, fact] : [fact];
}

function limitFacts({ primary, secondary }: Json): Fact[] {
  const windows: [kind: string, window: Json][] = [
    ["primary", member({ primary }, "primary")],
    ["secondary", member({ secondary }, "secondary")],
  ];
  const full = windows.find(([, window]) => (numberOf(window.usedPercent) ?? 0) >= 100);
  if (!full) return [];
  const seconds = numberOf(full[1].resetsAt);
  return [{ is: "limit", kind: full[0], resetsAt: seconds === undefined ? null : seconds * 1000 }];
}

function errorFacts(params: Json): Fact[] {
  const error = member(params, "error");
  if (error.codexErrorInfo !== "usageLimitExceeded" || params.willRetry === true) return [];
  return [{ is: "limit", kind: "usageLimitExceeded", resetsAt: null }];
}

function endFact({ status, error }: Json, memory: CodexMemory): Fact {
  if (status === "completed") return { is: "end", how: "done", text: memory.text };
  if (status === "interrupted") return { is: "end", how: "stopped" };
  const message = textOf(member({ error }, "error").message) ?? `the turn ended as ${String(status)}`;
  return { is: "end", how: "failed", message };
}

/** Reads the responses to `initialize` and to the start or resume of a thread; other responses give no facts. */
function answerFacts(result: Json): Fact[] {
  const version = /^\S*?\/(\d[\w.-]*)/.exec(textOf(result.userAgent) ?? "")?.[1];
  if (version) return [{ is: "session", version }];
  const id = textOf(member(result, "thread").id);
  const model = textOf(result.model) ?? textOf(member(result, "thread").model);
  return id === undefined ? [] : [{ is: "session", id, ...(model && { model }) }];
}
