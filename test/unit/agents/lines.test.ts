/** Reads recordings of real agents line by line, and checks the facts that result. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { objectOf } from "../../../src/agents/adapter/json.ts";
import { messageOf } from "../../../src/agents/adapter/rpc.ts";
import type { Fact, Json } from "../../../src/agents/adapter/types.ts";
import { claudeFacts, claudeMemory } from "../../../src/agents/claude/lines.ts";
import { codexFacts, codexMemory } from "../../../src/agents/codex/lines.ts";
import { geminiFacts, geminiMemory } from "../../../src/agents/gemini/lines.ts";
import { opencodeFacts, opencodeMemory } from "../../../src/agents/opencode/lines.ts";

const recordings = join(import.meta.dirname, "../../agent-events");
type Read = (line: Json) => Fact[];

/** Returns the facts of a recording, one or two words each, without what was sent to the agent. */
function told(agent: string, name: string, reader: () => Read): string[] {
  let read = reader();
  const text = readFileSync(join(recordings, agent, `${name}.jsonl`), "utf8");
  return text.split("\n").flatMap((line) => {
    const json = objectOf(line);
    // Each new process starts with an empty memory.
    if (json && "--" in json) read = reader();
    if (!json || "-->" in json || "<--" in json || "--" in json) return [];
    return read(json).flatMap(words);
  });
}

function words(fact: Fact): string[] {
  if (fact.is === "tool")
    return [
      `${fact.agent ? "sub " : ""}tool ${/step-\d+|extra-\d+/.exec(fact.call.title)?.[0] ?? fact.call.name}`,
    ];
  if (fact.is === "tool-end") return [fact.ok ? "ok" : "failed"];
  if (fact.is === "end")
    return [`end ${fact.how}${fact.deferred ? ` ${/step-\d+/.exec(fact.deferred.title)}` : ""}`];
  if (fact.is === "limit")
    return [`limit ${fact.kind} ${fact.resetsAt ? "until" : (fact.retryMs ?? "unknown")}`];
  return [];
}

const claude = (): Read => {
  const memory = claudeMemory();
  return (line) => claudeFacts(line, memory);
};
const codex = (): Read => {
  const memory = codexMemory();
  return (line) => codexFacts(line, memory);
};

describe.each(["claude-2.1.197", "claude-2.1.332"])("%s", (agent) => {
  test.each([
    [
      "defer-then-resume",
      "tool step-1, ok, tool step-2, ok, tool step-3, end deferred step-3, ok, tool step-4, ok, end done",
    ],
    ["unknown-session", "end gone"],
    ["limit-subscription", "tool step-1, ok, limit five_hour until, end failed"],
    [
      "approval-stdio-and-interrupt",
      "tool step-1, ok, tool step-2, failed, end stopped, tool step-2, ok, tool step-3, ok, end done",
    ],
  ])("reads the recording %s", (name, facts) => {
    expect(told(agent, name, claude).join(", ")).toBe(facts);
  });

  test("marks the tool calls of a sub-agent", () => {
    expect(told(agent, "defer-in-subagent", claude).filter((word) => word.startsWith("sub "))).not.toEqual(
      [],
    );
  });
});

test("reads from Claude with an API key when it tries again", () => {
  expect(told("claude-2.1.197", "limit-api-key", claude)).toContain("limit rate_limit 11000");
});

const gemini = (): Read => {
  const memory = geminiMemory();
  return (line) => geminiFacts(line, memory);
};
const opencode = (): Read => {
  const memory = opencodeMemory("");
  return (line) => opencodeFacts(line, memory);
};

test.each([
  [
    "hook-stop-then-resume",
    "tool step-1, ok, tool step-2, ok, tool step-3, failed, end stopped, tool step-3, ok, end done",
  ],
  ["limit", "tool step-1, ok, limit quota unknown, end failed"],
  ["terminated-then-resume", "tool step-1, ok, tool step-2, tool step-2, ok, tool step-3, ok, end done"],
])("gemini-0.61.0: reads the recording %s", (name, facts) => {
  expect(told("gemini-0.61.0", name, gemini).join(", ")).toBe(facts);
});

test.each([
  ["ask", "tool step-1, ok, tool step-2, ok, tool step-3, ok, end done"],
  ["boundary-pause", "tool step-1, ok, tool step-2, end stopped, tool step-2, ok, tool step-3, ok, end done"],
  ["limit", "tool step-1, ok, limit retry until, tool step-2, ok, end done"],
])("opencode-serve-1.18.33: reads the recording %s", (name, facts) => {
  expect(told("opencode-serve-1.18.33", name, opencode).join(", ")).toBe(facts);
});

test("shows an error with its details, without repeating its message", () => {
  const message = "Internal error";
  expect(messageOf({ message, data: { details: "exited with code 1" } })).toBe(
    "Internal error: exited with code 1",
  );
  expect(messageOf({ message, data: { message: "Internal error of the model" } })).toBe(
    "Internal error of the model",
  );
  expect(messageOf({ message, data: { errorKind: "other" } })).toBe(message);
  expect(messageOf({ data: "no such session" })).toBe("no such session");
  expect(messageOf({})).toBeUndefined();
});

describe("codex-app-server-0.171.0", () => {
  test.each([
    [
      "boundary-pause",
      "tool step-1, ok, tool step-2, ok, tool step-3, failed, end stopped, tool step-3, ok, end done",
    ],
    ["decline", "tool step-1, failed, tool step-1, ok, tool step-2, ok, tool step-3, ok, end done"],
    [
      "limit",
      "tool step-1, ok, limit primary until, limit usageLimitExceeded unknown, end failed, tool step-2, ok, end done",
    ],
  ])("reads the recording %s", (name, facts) => {
    expect(told("codex-app-server-0.171.0", name, codex).join(", ")).toBe(facts);
  });
});

test("no reader throws on any line of any recording", () => {
  for (const agent of readdirSync(recordings)) {
    for (const file of readdirSync(join(recordings, agent))) {
      for (const reader of [claude, codex, gemini, opencode]) told(agent, file.replace(".jsonl", ""), reader);
    }
  }
});

test("reports Claude's token usage during a turn, with and without partial messages", () => {
  const used = (name: string) => {
    const read = claude();
    const text = readFileSync(join(recordings, "claude-2.1.197", `${name}.jsonl`), "utf8");
    const facts = text.split("\n").flatMap((line) => read(objectOf(line) ?? {}));
    return facts.flatMap((fact) => (fact.is === "usage" ? [fact.used.inputTokens] : []));
  };
  expect(used("limit-subscription").slice(0, 2)).toEqual([1717, 1717]);
  expect(used("partial-messages-two-calls")).toEqual([1656, 3481, 3481]);
});

test("opencode: a message update after the end of an aborted turn does not begin another turn", () => {
  const memory = opencodeMemory("s");
  const read = (type: string, properties: Json) => opencodeFacts({ type, properties }, memory).flatMap(words);
  const assistant = (info: Json) =>
    read("message.updated", { info: { id: "m", sessionID: "s", role: "assistant", ...info } });
  const aborted = { name: "MessageAbortedError", data: {} };
  assistant({ time: { created: 1 } });
  read("session.error", { sessionID: "s", error: aborted });
  expect(read("session.idle", { sessionID: "s" })).toEqual(["end stopped"]);
  assistant({ time: { created: 1, completed: 2 }, error: aborted });
  expect(read("session.idle", { sessionID: "s" })).toEqual([]);
});
