/** OpenAI's `POST /v1/chat/completions`, which opencode speaks with a provider of its own. */
import { randomUUID } from "node:crypto";

export const path = /\/v1\/chat\/completions$/;

export function read({ messages, tools = [] }) {
  const turns = messages.flatMap(({ role, content }) => {
    if (role === "user") return [{ user: textOf(content) }];
    return role === "tool" ? [{ result: textOf(content) }] : [];
  });
  return { turns, tools: tools.map((tool) => tool.function.name) };
}

function textOf(content = "") {
  return typeof content === "string" ? content : content.map(({ text = "" }) => text).join("\n");
}

export function limit(_resetsAt, seconds) {
  const error = { message: "Rate limit reached", type: "rate_limit_error", code: "rate_limit_exceeded" };
  return { headers: { "retry-after": String(seconds) }, body: { error } };
}

export function write({ text, calls = [] }, { model, stream }) {
  const tool_calls = calls.map(({ name, args }, index) => ({
    index,
    id: `call_${randomUUID().slice(0, 12)}`,
    type: "function",
    function: { name, arguments: JSON.stringify(args) },
  }));
  const said = { ...(text !== undefined && { content: text }), ...(calls.length > 0 && { tool_calls }) };
  const finish_reason = calls.length > 0 ? "tool_calls" : "stop";
  const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 };
  const head = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model };
  if (!stream) {
    const message = { role: "assistant", content: null, ...said };
    return { ...head, object: "chat.completion", choices: [{ index: 0, message, finish_reason }], usage };
  }
  const choices = [
    { index: 0, delta: { role: "assistant", ...said }, finish_reason: null },
    { index: 0, delta: {}, finish_reason },
  ];
  const chunks = choices.map((choice, at) => ({
    ...head,
    object: "chat.completion.chunk",
    choices: [choice],
    ...(at === 1 && { usage }),
  }));
  return [...chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`), "data: [DONE]\n\n"];
}
