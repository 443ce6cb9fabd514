/**
 * The interface between the adapter of a coding agent and the host. An adapter knows how to start its agent, talk to it
 * and stop it, and reads the agent's lines into facts. The host makes all decisions.
 */
import type { AgentFacts, Permissions } from "../../core/agents.ts";

/** One call of a tool. `title` is what people read: the command, or else the tool's name. */
export interface ToolCall {
  id: string;
  name: string;
  input: unknown;
  title: string;
}

/** The tokens that an agent has used so far: in this process, or in the whole session with its earlier processes. */
export interface Used {
  of: "process" | "session";
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
}

export type Fact =
  | { is: "session"; id?: string; model?: string; version?: string }
  | { is: "text"; text: string; piece: boolean }
  /** The model has begun another answer. */
  | { is: "turn" }
  /** `agent` names the sub-agent that makes the call. */
  | { is: "tool"; call: ToolCall; agent?: string }
  | { is: "tool-end"; id: string; ok: boolean; exit?: number; output?: string }
  | { is: "usage"; used: Used }
  | { is: "cost"; of: "process" | "session"; usd: number }
  /**
   * `retryMs`: the agent itself retries after this time; `isRetry`: it retries at `resetsAt`. `used` < 1 is a warning.
   */
  | { is: "limit"; kind: string; resetsAt: number | null; retryMs?: number; isRetry?: true; used?: number }
  | { is: "end"; how: EndHow; text?: string; message?: string; deferred?: ToolCall };

/** How a turn ended, as the agent reports it. `gone`: the session does not exist. */
type EndHow = "done" | "failed" | "stopped" | "deferred" | "gone";

/** Whether a call may run. `stop`: the turn ends here, before the call. */
export type Verdict = "run" | "stop" | { deny: string };

/** What an adapter gets for one process of its agent. */
export interface AgentRun {
  facts: AgentFacts;
  cwd: string;
  env: Record<string, string>;
  /** A private folder of the task. */
  dir: string;
  /** The session to continue, or to begin if `isNew`; null if the agent chooses the id. */
  session: string | null;
  isNew: boolean;
  /** The agent's version as an earlier process of the session reported it: lines may come before this one's does. */
  version: string | null;
  /** When the session's last process started, in ms since 1970. */
  begunAt: number | null;
  /** The deferred call, which runs when this process starts. */
  deferred: ToolCall | null;
  model: string | null;
  permissions: Permissions;
  args: readonly string[];
  /** Paths of agentctl's own programs. */
  programs: { node: string; hook: string };
  fact(fact: Fact): void;
  /** Takes a line as the agent wrote it. */
  line(text: string): void;
  /** Decides before each tool call whether it may run. Pauses and budgets take effect here. */
  mayRun(call: ToolCall): Verdict;
  /** Decides on a call for which the agent's own rules would ask a person. */
  permit(call: ToolCall): Verdict;
  /** Returns what a person has decided for exactly this call; undefined if nobody was asked. */
  decisionOf(call: ToolCall): "run" | { deny: string } | undefined;
  /** Reports whether this process can be stopped between two calls. */
  boundary(has: boolean): void;
}

/** How the process ended. */
export interface Exit {
  code: number | null;
  signal: string | null;
  /** The last lines of its stderr. */
  stderr: string;
}

/** One process of an agent, from its start. */
export interface Conversation {
  /** Settles when the process is gone. */
  readonly exited: Promise<Exit>;
  /** The process ends with its turn; the next turn needs another process. */
  readonly isOneTurn?: true;
  /** Sends `text` as a new turn or into the running turn. `later`: the agent takes it only as the next turn. */
  say(text: string, mode: "turn" | "steer"): Promise<"taken" | "later">;
  /** Stops the running turn in the gentlest way that the agent supports. */
  interrupt(): Promise<void>;
  /** Ends the process: closes its pipes, then sends signals. */
  close(): Promise<Exit>;
}

/** Opens a conversation with an agent. Rejects if the agent cannot start or refuses the session. */
export type OpenAgent = (run: AgentRun) => Promise<Conversation>;

/** The content of a line that is a JSON object. */
export type Json = Record<string, unknown>;
