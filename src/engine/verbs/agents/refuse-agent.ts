import { agentNamed, builtInAgents } from "../../../core/agents.ts";
import { AgentctlError } from "../../../core/errors.ts";
import type { OwnAgents } from "../../../core/own-agents.ts";
import type { Submitted } from "../../../core/submitted.ts";
import { submittedAgent } from "../../../core/submitted-agent.ts";

type AgentFields = {
  [F in "agent" | "prompt" | "model" | "permissions" | "maxCost" | "maxTokens" | "maxTurns" | "agentArgs"]?:
    | Submitted[F]
    | undefined;
};

/** Throws if a coding agent can never run with what it is submitted with. */
export function refuseAgent(fields: AgentFields, configured: OwnAgents): void {
  const { agent, prompt, maxCost, agentArgs } = fields;
  const name = agent as string;
  const details = agentNamed(name, configured);
  if (!details) {
    const names = [...builtInAgents, ...Object.keys(configured), "acp:<command>"].join(", ");
    const reason = `there is no agent ${JSON.stringify(name)}; accepted are ${names}`;
    throw new AgentctlError("InvalidParams", { field: "agent", reason }, { hint: "agentctl agent list" });
  }
  if (!prompt)
    throw new AgentctlError("InvalidParams", { field: "prompt", reason: "an agent needs a prompt" });
  if (fields.model && !builtInAgents.includes(name as never)) {
    const reason = `--model: agentctl cannot tell ${name} which model to take`;
    const hint = "--agent-arg <arg> gives its program an argument";
    throw new AgentctlError("UnsupportedOperation", { reason, hint, agent: name });
  }
  if (details.commands) refuseUnsupported(name, fields);
  if (maxCost !== undefined && maxCost !== null && !details.cost) {
    const reason = `--max-cost: ${name} does not report what it costs`;
    const hint = "--max-tokens <n> limits the tokens that it uses";
    throw new AgentctlError("UnsupportedOperation", { reason, hint, agent: name });
  }
  refuseArgs(name, agentArgs ?? []);
}

/** Throws if a task without an agent has fields for agents only. A worktree is refused elsewhere. */
export function refuseForOthers(fields: Partial<Record<keyof typeof submittedAgent, unknown>>): void {
  for (const [name, { fallback }] of Object.entries(submittedAgent)) {
    const value = fields[name as keyof typeof submittedAgent] ?? fallback;
    if (value === fallback || name === "worktree") continue;
    if (JSON.stringify(value) === JSON.stringify(fallback)) continue;
    const reason = "this is for coding agents, and the task has none";
    throw new AgentctlError("InvalidParams", { field: name, reason }, { hint: "--agent <name> runs one" });
  }
}

/** Throws for options that cannot apply to an agent driven by its lines: it neither asks nor reports what it uses. */
function refuseUnsupported(agent: string, { permissions, maxCost, maxTokens, maxTurns }: AgentFields): void {
  const isSet = (value: unknown) => value !== undefined && value !== null;
  const refuse = (option: string, problem: string, hint: string) => {
    throw new AgentctlError("UnsupportedOperation", { reason: `${option}: ${problem}`, hint, agent });
  };
  if (permissions === "edits" || permissions === "plan")
    refuse(`--permissions ${permissions}`, `${agent} does not ask what it may do`, "its own rules hold");
  const limits = { "--max-cost": maxCost, "--max-tokens": maxTokens, "--max-turns": maxTurns };
  const [limit] = Object.entries(limits).find(([, value]) => isSet(value)) ?? [];
  if (limit)
    refuse(limit, `${agent} does not tell what it uses`, "--timeout <duration> limits how long it runs");
}

/** Arguments that an adapter sets itself: the session, the formats, and those that make a pause between calls work. */
const RESERVED_ARGS: Record<string, readonly string[]> = {
  claude: [
    "-p",
    "--print",
    "-c",
    "--continue",
    "-r",
    "--resume",
    "--session-id",
    "--fork-session",
    "--input-format",
    "--output-format",
    "--settings",
    "--model",
    "--permission-mode",
    "--permission-prompt-tool",
    "--include-partial-messages",
  ],
  codex: [
    "app-server",
    "exec",
    "resume",
    "--json",
    "--model",
    "-m",
    "--sandbox",
    "-s",
    "--ask-for-approval",
    "-a",
  ],
  opencode: [
    "serve",
    "run",
    "acp",
    "--port",
    "--hostname",
    "--session",
    "-s",
    "--continue",
    "-c",
    "--format",
  ],
  gemini: [
    "-p",
    "--prompt",
    "-i",
    "--prompt-interactive",
    "-r",
    "--resume",
    "--session-id",
    "-o",
    "--output-format",
    "--acp",
    "--experimental-acp",
    "-m",
    "--model",
    "--yolo",
    "-y",
    "--approval-mode",
  ],
};

function refuseArgs(agent: string, args: readonly string[]): void {
  const reserved = RESERVED_ARGS[agent] ?? [];
  const refused = args.find((arg) => reserved.includes(arg.split("=")[0] ?? ""));
  if (refused === undefined) return;
  const reason = `${JSON.stringify(refused)} is what agentctl gives ${agent} by itself`;
  const hint = "--model, --permissions and --session choose these";
  throw new AgentctlError("InvalidParams", { field: "agentArgs", reason }, { hint });
}
