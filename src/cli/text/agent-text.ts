import { agentNamed, untestedWarning } from "../../core/agents.ts";
import type { TaskDetailsJson, TaskJson } from "../../protocol/methods.ts";
import { counted } from "./counted.ts";
import { oneLine } from "./terminal-text.ts";

/** Returns the rows of `show` about a git worktree. */
export function worktreeRows({ worktree, changes }: TaskJson & Partial<TaskDetailsJson>): [string, string][] {
  if (!worktree) return [];
  const rows: [string, string][] = [
    ["worktree", oneLine(worktree.path)],
    ["branch", `${oneLine(worktree.branch)}, from ${worktree.base.slice(0, 12)}`],
    ["changes", changes ? changesText(changes) : ""],
  ];
  return rows.filter(([, text]) => text !== "");
}

/** Returns what has changed in a worktree, as one line. */
export function changesText(changes: NonNullable<TaskDetailsJson["changes"]>): string {
  const { files, additions, deletions, uncommitted, untracked, unmerged } = changes;
  if (files + uncommitted + untracked + unmerged === 0) return "none";
  const open = uncommitted + untracked;
  const texts = [
    `${counted(files, "file")}, +${additions} -${deletions}`,
    open > 0 ? `${open} not committed` : "",
    unmerged > 0 ? `${counted(unmerged, "commit")} not merged` : "",
  ];
  return texts.filter((text) => text !== "").join(", ");
}

/** Returns the rows of `show` about a coding agent. */
export function agentRows({ agent, usage }: TaskJson): [string, string][] {
  if (!agent) return [];
  const { name, version, model, session, permissions, tool, cut, limit, boundary } = agent;
  const parts = [name, version ?? "", model ?? "", `permissions ${permissions}`].filter(
    (part) => part !== "",
  );
  const definition = agentNamed(name);
  const untried = definition && untestedWarning(definition, version);
  const rows: [string, string][] = [
    ["agent", oneLine(parts.join(", "))],
    ["warning", untried === undefined ? "" : oneLine(untried)],
    ["session", oneLine(session ?? "")],
    ["usage", usage ? usageText(usage) : ""],
    ["tool", tool ? toolText({ tool: tool.name, input: tool.input }) : ""],
    [
      "cut off",
      cut ? `${toolText(cut)}${cut.afterMs > 0 ? `, after ${Math.round(cut.afterMs / 1000)}s` : ""}` : "",
    ],
    ["limit", limit ? `${limit.kind}, ${limitText(limit)}` : ""],
    [
      "boundary",
      boundary === false ? "none: it has no hook, or its settings keep it off, so a pause interrupts it" : "",
    ],
  ];
  return rows.filter(([, text]) => text !== "");
}

function limitText({ resetsAt, guessed }: { resetsAt: string | null; guessed: boolean }): string {
  if (resetsAt === null) return "no time is known";
  return `until ${resetsAt}${guessed ? ", a guess" : ""}`;
}

/** Returns what an agent has used, as one line. */
export function usageText({
  inputTokens,
  outputTokens,
  costUsd,
  turns,
  toolCalls,
}: NonNullable<TaskJson["usage"]>): string {
  const cost = costUsd === null ? "" : `, $${costUsd.toFixed(2)}`;
  return `${inputTokens} tokens in, ${outputTokens} out${cost}, ${counted(turns, "turn")}, ${counted(toolCalls, "tool call")}`;
}

const INPUT_CHARS = 200;

/** Returns a call of an agent's tool as one line: the tool with its command, or else with its input as JSON. */
export function toolText({ tool, input }: { tool: string; input: unknown }): string {
  const { command } = (input ?? {}) as { command?: unknown };
  const argument = typeof command === "string" ? command : (JSON.stringify(input) ?? "");
  return oneLine(`${tool} ${argument.slice(0, INPUT_CHARS)}`);
}
