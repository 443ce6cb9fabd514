/** OpenAI's `POST /v1/responses`, which Codex speaks. */
import { randomUUID } from "node:crypto";

export const path = /\/v1\/responses$/;

export function read({ input, tools = [] }) {
  const turns = input.flatMap(({ type, role, content = [], output }) => {
    if (type === "function_call_output") return [{ result: textOf(output) }];
    return type === "message" && role === "user" ? [{ user: textOf(content) }] : [];
  });
  return { turns, tools: tools.map(({ name, type }) => name ?? type) };
}

function textOf(content) {
  if (typeof content === "string") return content;
  return Array.isArray(content) ? content.map(({ text = "" }) => text).join("\n") : JSON.stringify(content);
}

export function limit(resetsAt, seconds) {
  const windows = ["primary", "secondary"].flatMap((name, at) => [
    [`x-codex-${name}-used-percent`, at === 0 ? "100" : "10"],
    [`x-codex-${name}-window-minutes`, at === 0 ? "300" : "10080"],
    [`x-codex-${name}-reset-at`, String(resetsAt)],
  ]);
  const error = {
    type: "usage_limit_reached",
    message: "The usage limit has been reached",
    plan_type: "plus",
    resets_at: resetsAt,
    resets_in_seconds: seconds,
  };
  return { headers: Object.fromEntries(windows), body: { error } };
}

export function write({ text, calls = [] }) {
  const response = { id: `resp_${id()}`, object: "response", status: "in_progress", output: [] };
  const items = [
    ...(text === undefined ? [] : [{ type: "message", id: `msg_${id()}`, role: "assistant", text }]),
    ...calls.map(({ name, args }) => ({
      type: "function_call",
      id: `fc_${id()}`,
      call_id: `call_${id()}`,
      name,
      arguments: JSON.stringify(args),
    })),
  ];
  const usage = {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 120,
  };
  const output = items.map((item) => whole(item));
  const events = [
    { type: "created", response },
    ...items.flatMap((item, at) =>
      item.type === "message" ? messageEvents(item, at) : callEvents(item, at),
    ),
    { type: "completed", response: { ...response, status: "completed", output, usage } },
  ];
  return events.map((event, sequence_number) => {
    const type = `response.${event.type}`;
    return `event: ${type}\ndata: ${JSON.stringify({ ...event, type, sequence_number })}\n\n`;
  });
}

function whole({ text, ...item }) {
  if (item.type !== "message") return { ...item, status: "completed" };
  return { ...item, status: "completed", content: [{ type: "output_text", text, annotations: [] }] };
}

function messageEvents(item, output_index) {
  const place = { item_id: item.id, output_index, content_index: 0 };
  const { text, ...bare } = item;
  const part = { type: "output_text", text: "", annotations: [] };
  return [
    { type: "output_item.added", output_index, item: { ...bare, status: "in_progress", content: [] } },
    { type: "content_part.added", ...place, part },
    { type: "output_text.delta", ...place, delta: text },
    { type: "output_text.done", ...place, text },
    { type: "content_part.done", ...place, part: { ...part, text } },
    { type: "output_item.done", output_index, item: whole(item) },
  ];
}

function callEvents(item, output_index) {
  const place = { item_id: item.id, output_index };
  return [
    { type: "output_item.added", output_index, item: { ...item, arguments: "", status: "in_progress" } },
    { type: "function_call_arguments.delta", ...place, delta: item.arguments },
    { type: "function_call_arguments.done", ...place, arguments: item.arguments },
    { type: "output_item.done", output_index, item: whole(item) },
  ];
}

const id = () => randomUUID().replaceAll("-", "").slice(0, 24);
