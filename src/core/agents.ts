/** The coding agents that agentctl knows, as data: what the command line, the daemon and the adapters all need. */
import type { OwnAgents, OwnCommands } from "./own-agents.ts";

/** What agentctl knows about an agent before it starts it. */
export interface AgentFacts {
  name: string;
  /** The program, and the arguments that come before those of the adapter. */
  argv: readonly string[];
  /** The command that installs the agent; shown if the program is not on the PATH. */
  install: string;
  /** The oldest and the newest version that we tested; null if we tested none. */
  tested: readonly [from: string, to: string] | null;
  /** Whether agentctl chooses the session's id, or the agent reports it. */
  session: "chosen" | "told";
  /** Whether the agent asks the host before each call of a tool that may change something. */
  asksFirst: boolean;
  /** Whether the agent reports what a session costs. */
  cost: boolean;
  /** The agent reports the cost only when its process ends, not while it works. */
  costsAtEnd?: true;
  /** At a limit of its provider, the agent waits without reporting it. */
  silentAtLimit: boolean;
  /** The commands of a user's own agent that is driven by its output lines. A pause cannot stop it between calls. */
  commands?: OwnCommands;
}

const builtIn = {
  claude: {
    argv: ["claude"],
    install: "npm install -g @anthropic-ai/claude-code",
    tested: ["2.1.197", "2.1.332"],
    session: "chosen",
    asksFirst: true,
    cost: true,
    costsAtEnd: true,
    silentAtLimit: false,
  },
  codex: {
    argv: ["codex"],
    install: "npm install -g @openai/codex",
    tested: ["0.171.0", "0.171.0"],
    session: "told",
    asksFirst: true,
    cost: false,
    silentAtLimit: false,
  },
  opencode: {
    argv: ["opencode"],
    install: "npm install -g opencode-ai",
    tested: ["1.18.33", "1.18.33"],
    session: "told",
    asksFirst: true,
    cost: true,
    silentAtLimit: false,
  },
  gemini: {
    argv: ["gemini"],
    install: "npm install -g @google/gemini-cli",
    tested: ["0.61.0", "0.61.0"],
    session: "chosen",
    asksFirst: true,
    cost: false,
    silentAtLimit: false,
  },
} as const satisfies Record<string, Omit<AgentFacts, "name">>;

export type BuiltInAgent = keyof typeof builtIn;

export const builtInAgents = Object.keys(builtIn) as BuiltInAgent[];

const ACP_PREFIX = "acp:";

/** Returns the facts of a built-in agent, a user's own agent or `acp:<command>`; undefined for any other name. */
export function agentNamed(name: string, ownAgents: OwnAgents = {}): AgentFacts | undefined {
  if (Object.hasOwn(builtIn, name)) return { name, ...builtIn[name as BuiltInAgent] };
  const ownAgent = Object.hasOwn(ownAgents, name) ? ownAgents[name] : undefined;
  if (ownAgent && "start" in ownAgent) return commandFacts(name, ownAgent);
  const command = name.startsWith(ACP_PREFIX)
    ? name.slice(ACP_PREFIX.length).split(/\s+/).filter(Boolean)
    : [];
  const argv = ownAgent?.acp ?? command;
  if (argv.length === 0) return undefined;
  return { ...factsOf(name, argv), silentAtLimit: true };
}

function commandFacts(name: string, commands: OwnCommands): AgentFacts {
  const { start, chooses } = commands;
  // Arguments from the first option or placeholder on are for the agent; those before it name the program.
  const options = start.findIndex((word, index) => index > 0 && /^-|[{]/.test(word));
  const argv = options < 0 ? start.slice(0, 1) : start.slice(0, options);
  return { ...factsOf(name, argv), session: chooses === "agentctl" ? "chosen" : "told", commands };
}

function factsOf(name: string, argv: readonly string[]): AgentFacts {
  const install = `put ${argv[0]} on the PATH`;
  return {
    name,
    argv,
    install,
    tested: null,
    session: "told",
    asksFirst: false,
    cost: false,
    silentAtLimit: false,
  };
}

/** Returns whether the version is within the range of tested versions; null if the version or the range is unknown. */
export function isTested(
  { tested }: Pick<AgentFacts, "tested">,
  version: string | null | undefined,
): boolean | null {
  if (!version || !tested) return null;
  const compare = (a: string, b: string) => a.localeCompare(b, "en", { numeric: true });
  return compare(version, tested[0]) >= 0 && compare(version, tested[1]) <= 0;
}

/** Returns a warning about a version that was not tested; undefined if there is nothing to warn about. */
export function untestedWarning(facts: AgentFacts, version: string | null | undefined): string | undefined {
  if (isTested(facts, version) !== false) return undefined;
  const testedRange = [...new Set(facts.tested)].join(" to ");
  return `${facts.name} ${version} was not tried with agentctl; tried: ${testedRange}`;
}

/** What an agent may do without asking. */
export const permissionChoices = ["own", "edits", "all", "plan"] as const;
export type Permissions = (typeof permissionChoices)[number];
/** What happens when the agent reaches a limit of its provider. */
export const onLimitChoices = ["wait", "suspend", "fail"] as const;

/** What an agent has used, summed over all attempts. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  /** Null if the agent does not report its cost. */
  costUsd: number | null;
  turns: number;
  toolCalls: number;
}

/** A tool call of an agent, as it is shown. */
interface ShownTool {
  name: string;
  input: unknown;
}

/** What the host of an agent reports about it, as `show` prints it. */
export interface AgentReport {
  version: string | null;
  session: string | null;
  model: string | null;
  turn: number;
  tool: ShownTool | null;
  cut: { tool: string; input: unknown; afterMs: number } | null;
  limit: { kind: string; resetsAt: string | null; guessed: boolean } | null;
  /** Whether a pause can stop the agent between two tool calls; null before the first call. */
  boundary: boolean | null;
  usage: Usage;
  /** Details of the open question that the question itself does not contain. */
  asking: { kind: string; tool: ShownTool | null } | null;
}

/**
 * Returns the changes to the report after the host of an agent ended without a final report, such as after the daemon
 * died: the running tool was cut off. The next host finds out how long the tool had been running.
 */
export function cutOff({ agentReport }: { agentReport: AgentReport | null }): { agentReport?: AgentReport } {
  if (!agentReport?.tool) return {};
  const { name: tool, input } = agentReport.tool;
  return { agentReport: { ...agentReport, tool: null, cut: agentReport.cut ?? { tool, input, afterMs: 0 } } };
}

export const NOTHING_USED: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  costUsd: null,
  turns: 0,
  toolCalls: 0,
};

/** Returns a key that is unique to this session of this agent. */
export function sessionKeyOf(agent: string, session: string): string {
  return `${agent} ${session}`;
}
