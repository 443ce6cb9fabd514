/** Anthropic's `POST /v1/messages`. */
import { randomUUID } from "node:crypto";

export const path = /\/v1\/messages(\/count_tokens)?$/;

export function read({ messages, tools = [] }) {
  const turns = messages.flatMap(({ role, content }) => {
    if (role !== "user") return [];
    if (typeof content === "string") return [{ user: content }];
    return content.flatMap((block) => {
      if (block.type === "text") return [{ user: block.text }];
      return block.type === "tool_result" ? [{ result: textOf(block.content) }] : [];
    });
  });
  return { turns, tools: tools.map(({ name }) => name) };
}

function textOf(content = "") {
  return typeof content === "string" ? content : content.map(({ text = "" }) => text).join("\n");
}

export function limit(resetsAt, seconds) {
  const unified = {
    status: "rejected",
    reset: resetsAt,
    "representative-claim": "five_hour",
    "5h-status": "rejected",
    "5h-reset": resetsAt,
    "5h-utilization": "1.0",
    "overage-status": "rejected",
  };
  const headers = Object.fromEntries(
    Object.entries(unified).map(([key, value]) => [`anthropic-ratelimit-unified-${key}`, String(value)]),
  );
  const body = { type: "error", error: { type: "rate_limit_error", message: "The usage limit is reached." } };
  return { headers: { ...headers, "retry-after": String(seconds) }, body };
}

export function write({ text, calls = [] }, { model, stream }) {
  const content = [
    ...(text === undefined ? [] : [{ type: "text", text }]),
    ...calls.map(({ name, args }) => ({ type: "tool_use", id: `toolu_${id()}`, name, input: args })),
  ];
  const stop_reason = calls.length > 0 ? "tool_use" : "end_turn";
  const usage = {
    input_tokens: 100,
    output_tokens: 20,
    cache_read_input_tokens: 0,
    cache_creation_input_tokens: 0,
  };
  const message = {
    id: `msg_${id()}`,
    type: "message",
    role: "assistant",
    model,
    stop_sequence: null,
    usage,
  };
  if (!stream) return { ...message, content, stop_reason };
  const events = [
    { type: "message_start", message: { ...message, content: [], stop_reason: null } },
    ...content.flatMap(blockEvents),
    { type: "message_delta", delta: { stop_reason, stop_sequence: null }, usage },
    { type: "message_stop" },
  ];
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function blockEvents(block, index) {
  const [content_block, delta] =
    block.type === "text"
      ? [
          { type: "text", text: "" },
          { type: "text_delta", text: block.text },
        ]
      : [
          { ...block, input: {} },
          { type: "input_json_delta", partial_json: JSON.stringify(block.input) },
        ];
  return [
    { type: "content_block_start", index, content_block },
    { type: "content_block_delta", index, delta },
    { type: "content_block_stop", index },
  ];
}

const id = () => randomUUID().replaceAll("-", "").slice(0, 24);
