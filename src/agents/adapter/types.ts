/**
 * What an adapter of a coding agent is, and what it says. An adapter knows how its agent is started, spoken to and
 * stopped, and reads its lines into facts; everything that is decided is decided by the host.
 */
import type { AgentFacts, Permissions } from "../../core/agents.ts";

/** One call of a tool. `title` is what a person reads: the command, else the tool's name. */
export interface ToolCall {
  id: string;
  name: string;
  input: unknown;
  title: string;
}

/** What an agent has used so far: in this process, or in the whole session, also before this process. */
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
  /** `agent` names the sub-agent that calls. */
  | { is: "tool"; call: ToolCall; agent?: string }
  | { is: "tool-end"; id: string; ok: boolean; exit?: number; output?: string }
  | { is: "usage"; used: Used }
  | { is: "cost"; of: "process" | "session"; usd: number }
  /**
   * `retryMs`: the agent tries again by itself after so long; `isRetry`: at `resetsAt`. `used` below 1 is a warning.
   */
  | { is: "limit"; kind: string; resetsAt: number | null; retryMs?: number; isRetry?: true; used?: number }
  | { is: "end"; how: EndHow; text?: string; message?: string; deferred?: ToolCall };

/** How a turn ended, by the agent's own word. `gone`: there is no such session. */
type EndHow = "done" | "failed" | "stopped" | "deferred" | "gone";

/** Whether a tool may be called. `stop`: the turn ends here, before the call. */
export type Verdict = "run" | "stop" | { deny: string };

/** What an adapter is given for one process of its agent. */
export interface AgentRun {
  facts: AgentFacts;
  cwd: string;
  env: Record<string, string>;
  /** A private folder of the task. */
  dir: string;
  /** The session to continue, or to begin where `isNew`; null where the agent chooses it. */
  session: string | null;
  isNew: boolean;
  /** The agent's, as an earlier process of the session told it; lines come before this one tells its own. */
  version: string | null;
  /** When the last process of the session was started, in ms since 1970. */
  begunAt: number | null;
  /** The call that was deferred, and is run as this process begins. */
  deferred: ToolCall | null;
  model: string | null;
  permissions: Permissions;
  args: readonly string[];
  /** Paths of agentctl's own programs. */
  programs: { node: string; hook: string };
  fact(fact: Fact): void;
  /** A line as the agent wrote it. */
  line(text: string): void;
  /** Asked before each call of a tool: the one place where pauses and budgets meet. */
  mayRun(call: ToolCall): Verdict;
  /** Asked where the agent's own rules would ask a person. */
  permit(call: ToolCall): Verdict;
  /** What a person has decided for this very call; undefined where nobody was asked. */
  decided(call: ToolCall): "run" | { deny: string } | undefined;
  /** Whether this process can be stopped between two calls. */
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
  /** The process ends with its turn: the next turn needs another one. */
  readonly isOneTurn?: true;
  /** Says `text` as a turn of its own, or into the running turn; `later` where the agent takes it only as the next turn. */
  say(text: string, how: "turn" | "steer"): Promise<"taken" | "later">;
  /** Stops the running turn in the gentlest way that the agent knows. */
  interrupt(): Promise<void>;
  /** Ends the process: its pipes, then signals. */
  close(): Promise<Exit>;
}

/** Opens a conversation with an agent. Rejects where the agent cannot be started or refuses the session. */
export type OpenAgent = (run: AgentRun) => Promise<Conversation>;

/** What a line holds, when it is JSON. */
export type Json = Record<string, unknown>;
