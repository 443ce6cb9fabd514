/**
 * The checkpoint of a task with a coding agent. If agentctl chooses the session's id, it is saved before the agent gets
 * its first message; otherwise when the agent reports the id. After that it is saved on every change.
 */
import type { AgentReport, Permissions, Usage } from "../../core/agents.ts";
import type { ToolCall } from "../adapter/types.ts";

/** The input of the task. */
export interface AgentSpec {
  agent: string;
  prompt: string;
  model: string | null;
  permissions: Permissions;
  maxCost: number | null;
  maxTokens: number | null;
  maxTurns: number | null;
  idleTimeoutMs: number | null;
  onLimit: "wait" | "suspend" | "fail";
  session: string | null;
  agentArgs: string[];
  interactive: boolean;
  /** Identifies the account that pays, without a secret. */
  account: string | null;
}

/** A call that was running when its agent was interrupted. */
interface Cut {
  call: ToolCall;
  afterMs: number;
}

/** A question to a person: a permission, or the next message of an interactive task. */
interface Asking {
  kind: "permission" | "message";
  prompt: string;
  choices: string[] | null;
  call: ToolCall | null;
}

export interface AgentState {
  v: 1;
  agent: string;
  version: string | null;
  session: string | null;
  cwd: string;
  model: string | null;
  /** The session has begun, so it can only be continued. */
  isBegun: boolean;
  begunAt: number | null;
  /** The agent has shown that it received its messages. */
  isHeard: boolean;
  /** A tool may have been called in the session. */
  isCalled: boolean;
  /** Messages sent in the session, kept as long as the session may be begun again. */
  said: string[];
  /** Messages that are still to be sent to the agent. */
  inbox: string[];
  deferred: ToolCall | null;
  cut: Cut | null;
  /** The running calls, with their start in ms since 1970. */
  open: { call: ToolCall; at: number }[];
  usage: Usage;
  /** What the whole session had used and cost at the last report. */
  seen: { inputTokens: number; outputTokens: number; cachedTokens: number; costUsd: number };
  /** The cost at its last report, with the usage at that time as {@link weightOf} weighs it. */
  priced: { weight: number; usd: number } | null;
  asking: Asking | null;
  /** What a person has decided for one call. It counts once; `id` is the call for which it counted. */
  decision: { name: string; input: string; deny: boolean; id: string | null } | null;
  /** What a person has allowed for the whole task: a tool with its command, file or input. */
  allowed: string[];
  limit: AgentReport["limit"];
  /** The numbers of limits and stalls since the last progress. */
  limits: number;
  stalls: number;
  /** The account to which the limit applies. */
  account: string | null;
  boundary: boolean | null;
}

export function freshState(spec: AgentSpec, cwd: string, session: string | null): AgentState {
  return {
    v: 1,
    agent: spec.agent,
    version: null,
    session: spec.session ?? session,
    cwd,
    model: spec.model,
    isBegun: spec.session !== null,
    begunAt: null,
    isHeard: spec.session !== null,
    // agentctl did not begin a given session, so it must not begin it again.
    isCalled: spec.session !== null,
    said: [],
    inbox: [spec.prompt],
    deferred: null,
    cut: null,
    open: [],
    usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0, costUsd: null, turns: 0, toolCalls: 0 },
    seen: { inputTokens: 0, outputTokens: 0, cachedTokens: 0, costUsd: 0 },
    priced: null,
    asking: null,
    decision: null,
    allowed: [],
    limit: null,
    limits: 0,
    stalls: 0,
    account: spec.account,
    boundary: null,
  };
}

/** Returns the report on the agent that `show` prints. */
export function reportOf(state: AgentState): AgentReport {
  const { version, session, model, usage, limit, boundary, cut, asking } = state;
  const running = state.open.at(-1)?.call ?? null;
  return {
    version,
    session,
    model,
    turn: usage.turns,
    tool: running && { name: running.name, input: running.input },
    cut: cut && { tool: cut.call.name, input: cut.call.input, afterMs: cut.afterMs },
    limit,
    boundary,
    usage: { ...usage },
    asking: asking && {
      kind: asking.kind,
      tool: asking.call && { name: asking.call.name, input: asking.call.input },
    },
  };
}

/**
 * Returns the first message to a new process of the agent; null if a deferred call runs first. It says which call was
 * cut off, as the model does not know, and has the messages in the inbox. Without either, it tells the agent to go on.
 */
export function openingOf(state: AgentState): string | null {
  const { deferred, cut, inbox, isBegun } = state;
  if (deferred) return null;
  const words = [...(cut ? [cutText(cut)] : []), ...inbox];
  if (words.length > 0) return words.join("\n\n");
  return isBegun ? "Continue." : null;
}

function cutText({ call, afterMs }: Cut): string {
  const after = afterMs > 0 ? ` after ${Math.max(1, Math.round(afterMs / 1000))} s` : "";
  return `The command \`${call.title}\` was cut off${after} and may have run in part. Look before you run it again.`;
}

/** Returns an input as the text by which inputs are compared. */
export function inputText(input: unknown): string {
  return JSON.stringify(input ?? null).slice(0, 100_000);
}
