import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type AgentFacts, agentNamed, builtInAgents, isTried } from "../../../core/agents.ts";
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
const VERSION_MS = 20_000;
const ENDS = ["completed", "failed", "canceled", "suspended", "input-required"] as const;

/** What we know about an agent on this machine. */
interface Found {
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
    const own = ownAgents(context);
    const facts = [...builtInAgents, ...Object.keys(own)].flatMap((name) => agentNamed(name, own) ?? []);
    const found = await Promise.all(facts.map((each) => lookUp(context, each)));
    if (out.json) out.data(found);
    else for (const line of agentTable(found, out.columns)) out.line(line);
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
    const facts = agentNamed(name, ownAgents(context));
    if (!facts) throw unknown(name, Object.keys(ownAgents(context)));
    const found = await lookUp(context, facts);
    if (!found.installed) {
      if (out.json) out.data({ ...found, works: false, task: null });
      else out.note(`${name} is not on the PATH`, facts.install);
      return 1;
    }
    const task = await oneTurn(context, facts);
    const works = task.state === "completed";
    if (out.json) out.data({ ...found, works, task });
    else report(context, found, task);
    return works ? 0 : 1;
  },
});

export const agent: Group = {
  name: "agent",
  summary: "coding agents: which there are, and whether one works",
  commands: [list, check],
};

/** Returns the agents of config.json. */
function ownAgents({ paths }: Context): OwnAgents {
  return settingsOf(paths.config).agents;
}

async function lookUp({ env }: Context, { name, argv, install, tested }: AgentFacts): Promise<Found> {
  const [program = "", ...args] = argv;
  const about = { name, tested, install };
  try {
    const said = await promisify(execFile)(program, [...args, "--version"], { env, timeout: VERSION_MS });
    const version = /\d+\.\d+[\w.-]*/.exec(said.stdout)?.[0] ?? null;
    const known = isTried({ tested }, version);
    return { ...about, installed: true, version, known };
  } catch (error) {
    const installed = (error as NodeJS.ErrnoException).code !== "ENOENT";
    return { ...about, installed, version: null, known: null };
  }
}

function agentTable(found: readonly Found[], columns: number | undefined): string[] {
  const heads = [
    { title: "AGENT" },
    { title: "VERSION", leaves: 1 },
    { title: "TRIED", leaves: 2 },
    { title: "NOTE", least: 24 },
  ];
  const rows = found.map(({ name, installed, version, known, tested, install }) => [
    name,
    version ?? "-",
    tested ? [...new Set(tested)].join(" to ") : "-",
    noteOf({ installed, known, install }),
  ]);
  return tableLines(heads, rows, columns);
}

function noteOf({ installed, known, install }: Pick<Found, "installed" | "known" | "install">): string {
  if (!installed) return `not installed: ${install}`;
  return known === false ? "another version than those that were tried" : "installed";
}

function unknown(name: string, own: readonly string[]): AgentctlError {
  const accepted = [...builtInAgents, ...own, "acp:<command>"].join(", ");
  const reason = `there is no agent ${JSON.stringify(name)}; accepted are ${accepted}`;
  return new AgentctlError("InvalidParams", { field: "name", reason }, { message: reason });
}

/** Runs one turn as a separate task, read-only if agentctl can enforce that. Cancels it if it does not end. */
async function oneTurn(context: Context, { name, commands }: AgentFacts): Promise<TaskJson> {
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
    const ended = await rpc.call("tasks/wait", { id: task.id, until: [...ENDS] });
    if (isOpen(ended.task))
      await rpc.call("tasks/cancel", { id: task.id, reason: "agent check is over", graceMs: 0 });
    return ended.task;
  });
}

function isOpen({ state }: TaskJson): boolean {
  return state === "input-required" || state === "suspended";
}

/** Returns what the agent said last, or why it said nothing. */
function lastWordOf({ state, result, question, error, pause }: TaskJson): string {
  if (state === "input-required") return `asks: ${question?.prompt}`;
  return String(result ?? error?.message ?? pause?.reason ?? state);
}

function report({ out }: Context, found: Found, task: TaskJson): void {
  const { name, version } = found;
  out.line(`${name} ${version ?? ""}: ${noteOf(found)}`);
  out.line(`session    ${task.agent?.session ?? "none"}`);
  out.line(`answer     ${oneLine(lastWordOf(task))}`);
  if (task.usage) out.line(`usage      ${usageText(task.usage)}`);
  if (task.state !== "completed") out.note(`${name} did not finish its turn`, `agentctl show ${task.id}`);
}
