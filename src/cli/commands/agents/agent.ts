import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type AgentFacts, agentNamed, builtInAgents, isTested } from "../../../core/agents.ts";
import { AgentctlError } from "../../../core/errors.ts";
import type { OwnAgents } from "../../../core/own-agents.ts";
import { settingsOf } from "../../../home/config-file.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command, type Group } from "../../command/define.ts";
import { callDaemon, withDaemon } from "../../command/session.ts";
import { callerEnvironment } from "../../input/caller-environment.ts";
import { usageText } from "../../text/agent-text.ts";
import { tableLines } from "../../text/table.ts";
import { oneLine } from "../../text/terminal-text.ts";

/** How long an agent may take to print its version, in ms. */
const VERSION_TIMEOUT_MS = 20_000;
const END_STATES = ["completed", "failed", "canceled", "suspended", "input-required"] as const;

/** What we know about an agent on this machine. */
interface AgentStatus {
  name: string;
  installed: boolean;
  version: string | null;
  /** Whether the version is one of those that were tried; null if that is not known. */
  known: boolean | null;
  tested: readonly [string, string] | null;
  install: string;
}

const list = command({
  name: "list",
  summary: "the coding agents: which are installed, their versions, and whether agentctl knows these",
  args: [],
  options: {},
  examples: [["agent list", "which agents run --agent takes here"]],
  reads: true,
  async run(context) {
    const { out } = context;
    const configured = configuredAgents(context);
    const definitions = [...builtInAgents, ...Object.keys(configured)].flatMap(
      (name) => agentNamed(name, configured) ?? [],
    );
    const statuses = await Promise.all(definitions.map((each) => inspectAgent(context, each)));
    if (out.json) out.data(statuses);
    else for (const line of agentTable(statuses, out.columns)) out.line(line);
    return 0;
  },
});

const check = command({
  name: "check",
  summary: "run one turn of a coding agent, and say what works",
  args: [["<name>", "claude, codex, opencode, gemini, acp:<command> or one of the setting agents"]],
  options: {},
  examples: [["agent check claude", "whether Claude Code is installed, logged in and answers"]],
  async run(context, [name = ""]) {
    const { out } = context;
    const definition = agentNamed(name, configuredAgents(context));
    if (!definition) throw unknownAgent(name, Object.keys(configuredAgents(context)));
    const status = await inspectAgent(context, definition);
    if (!status.installed) {
      if (out.json) out.data({ ...status, works: false, task: null });
      else out.note(`${name} is not on the PATH`, definition.install);
      return 1;
    }
    const task = await runOneTurn(context, definition);
    const works = task.state === "completed";
    if (out.json) out.data({ ...status, works, task });
    else printReport(context, status, task);
    return works ? 0 : 1;
  },
});

export const agent: Group = {
  name: "agent",
  summary: "coding agents: which there are, and whether one works",
  commands: [list, check],
};

/** Returns the agents of config.json. */
function configuredAgents({ paths }: Context): OwnAgents {
  return settingsOf(paths.config).agents;
}

async function inspectAgent(
  { env }: Context,
  { name, argv, install, tested }: AgentFacts,
): Promise<AgentStatus> {
  const [program = "", ...args] = argv;
  const identity = { name, tested, install };
  try {
    const output = await promisify(execFile)(program, [...args, "--version"], {
      env,
      timeout: VERSION_TIMEOUT_MS,
    });
    const version = /\d+\.\d+[\w.-]*/.exec(output.stdout)?.[0] ?? null;
    const known = isTested({ tested }, version);
    return { ...identity, installed: true, version, known };
  } catch (error) {
    const installed = (error as NodeJS.ErrnoException).code !== "ENOENT";
    return { ...identity, installed, version: null, known: null };
  }
}

function agentTable(statuses: readonly AgentStatus[], columns: number | undefined): string[] {
  const heads = [
    { title: "AGENT" },
    { title: "VERSION", dropOrder: 1 },
    { title: "TRIED", dropOrder: 2 },
    { title: "NOTE", minWidth: 24 },
  ];
  const rows = statuses.map(({ name, installed, version, known, tested, install }) => [
    name,
    version ?? "-",
    tested ? [...new Set(tested)].join(" to ") : "-",
    noteText({ installed, known, install }),
  ]);
  return tableLines(heads, rows, columns);
}

function noteText({
  installed,
  known,
  install,
}: Pick<AgentStatus, "installed" | "known" | "install">): string {
  if (!installed) return `not installed: ${install}`;
  return known === false ? "another version than those that were tried" : "installed";
}

function unknownAgent(name: string, configured: readonly string[]): AgentctlError {
  const accepted = [...builtInAgents, ...configured, "acp:<command>"].join(", ");
  const reason = `there is no agent ${JSON.stringify(name)}; accepted are ${accepted}`;
  return new AgentctlError("InvalidParams", { field: "name", reason }, { message: reason });
}

/** Runs one turn as a separate task, read-only if agentctl can enforce that. Cancels it if it does not end. */
async function runOneTurn(context: Context, { name, commands }: AgentFacts): Promise<TaskJson> {
  const { task } = await callDaemon(context, "tasks/create", {
    agent: name,
    prompt: "Answer with the one word: ready. Use no tool.",
    permissions: commands ? "own" : "plan",
    onLimit: "suspend",
    name: `agent check ${name}`,
    cwd: context.cwd,
    env: callerEnvironment(context),
  });
  return await withDaemon(context, async (rpc) => {
    const response = await rpc.call("tasks/wait", { id: task.id, until: [...END_STATES] });
    if (isWaiting(response.task))
      await rpc.call("tasks/cancel", { id: task.id, reason: "agent check is over", graceMs: 0 });
    return response.task;
  });
}

function isWaiting({ state }: TaskJson): boolean {
  return state === "input-required" || state === "suspended";
}

/** Returns what the agent said last, or why it said nothing. */
function finalMessage({ state, result, question, error, pause }: TaskJson): string {
  if (state === "input-required") return `asks: ${question?.prompt}`;
  return String(result ?? error?.message ?? pause?.reason ?? state);
}

function printReport({ out }: Context, status: AgentStatus, task: TaskJson): void {
  const { name, version } = status;
  out.line(`${name} ${version ?? ""}: ${noteText(status)}`);
  out.line(`session    ${task.agent?.session ?? "none"}`);
  out.line(`answer     ${oneLine(finalMessage(task))}`);
  if (task.usage) out.line(`usage      ${usageText(task.usage)}`);
  if (task.state !== "completed") out.note(`${name} did not finish its turn`, `agentctl show ${task.id}`);
}
