/**
 * What a task with a coding agent goes on from: its checkpoint. It is saved before the first word goes to the agent where
 * agentctl chooses the session's id, else with the line that tells it, and then whenever something of it changes.
 */
import type { AgentReport, Permissions, Usage } from "../../core/agents.ts";
import type { ToolCall } from "../adapter/types.ts";

/** What the task was submitted with. */
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
  /** Names who pays, without telling a secret. */
  account: string | null;
}

/** A call that was running when its agent was interrupted. */
interface Cut {
  call: ToolCall;
  afterMs: number;
}

/** A question to a person that the agent's rules ask. */
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
  /** The session has been begun: it can only be continued. */
  isBegun: boolean;
  begunAt: number | null;
  /** The agent has given a sign that it has what was said to it. */
  isHeard: boolean;
  /** A tool may have been called in the session. */
  isCalled: boolean;
  /** What was said in the session, as long as it may be begun again. */
  said: string[];
  /** What is still to be said to the agent. */
  inbox: string[];
  deferred: ToolCall | null;
  cut: Cut | null;
  /** Calls that run, with their beginning in ms since 1970. */
  open: { call: ToolCall; at: number }[];
  usage: Usage;
  /** What the whole session had used and cost when that was told last. */
  seen: { inputTokens: number; outputTokens: number; cachedTokens: number; costUsd: number };
  /** What had been used when the cost was told last, as {@link weightOf} has it. */
  priced: { weight: number; usd: number } | null;
  asking: Asking | null;
  /** What a person has decided for one call, which counts once; `id` is the call for which it counted. */
  decision: { name: string; input: string; deny: boolean; id: string | null } | null;
  /** What a person has allowed for the whole task: a tool with its command, its file or its input. */
  allowed: string[];
  limit: AgentReport["limit"];
  /** Limits and stalls since the last progress. */
  limits: number;
  stalls: number;
  /** Whose limit that is. */
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
    // What a session that was given holds is not agentctl's to begin again.
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

/** What `show` says of it. */
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
 * What the agent is told as a process of it begins: nothing where a deferred call is run first; what was cut off, as the
 * model does not know of it; what people have said meanwhile; else that it is to continue.
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

/** How an input is compared. */
export function inputText(input: unknown): string {
  return JSON.stringify(input ?? null).slice(0, 100_000);
}
