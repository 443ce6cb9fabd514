import { defined } from "../../../core/defined.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import { choice, command, value } from "../../command/define.ts";
import { pastTime } from "../../command/option-values.ts";
import { withOpening } from "../../command/session.ts";
import { allPages } from "../../input/selection.ts";
import { tableLines } from "../../text/table.ts";
import { oneLine } from "../../text/terminal-text.ts";

const groupings = ["agent", "model", "label", "day"] as const;
type Grouping = (typeof groupings)[number];

const countFields = ["inputTokens", "outputTokens", "cachedTokens", "turns", "toolCalls"] as const;

/** What the tasks of one agent, model, label or day have used. */
type UsageLine = Record<(typeof countFields)[number], number> & {
  key: string;
  tasks: number;
  costUsd: number | null;
};

export const usage = command({
  name: "usage",
  summary: "what coding agents have used: tokens, cost, turns and calls of tools",
  args: [],
  options: {
    since: value("--since <time>", "tasks submitted since then: 7d (ago), ISO 8601 or HH:MM", pastTime),
    by: choice("--by <what>", "a line for each agent, model, label or day (agent)", groupings),
  },
  examples: [
    ["usage", "each agent, over all tasks that are kept"],
    ["usage --since 7d --by day", "the last week, day by day"],
  ],
  reads: true,
  async run(context, _args, { since, by: grouping = "agent" }) {
    const { out } = context;
    const params = defined({ since });
    const tasks = await withOpening(
      context,
      (rpc) => rpc.call("tasks/list", params),
      (rpc, firstPage) => allPages(rpc, params, firstPage),
    );
    const lines = linesOf(tasks, grouping);
    if (out.json) out.data(lines.map(({ key, ...totals }) => ({ [grouping]: key, ...totals })));
    else if (lines.length === 0 && tasks.some(({ agent }) => agent !== null))
      out.note("no task of a coding agent has a label", "agentctl run --label <key=value>");
    else if (lines.length === 0)
      out.note("no coding agent has run", 'agentctl run --agent claude "<prompt>"');
    else for (const line of usageTable(lines, grouping, out.columns)) out.line(line);
    return 0;
  },
});

function linesOf(tasks: readonly TaskJson[], grouping: Grouping): UsageLine[] {
  const lines = new Map<string, UsageLine>();
  for (const task of tasks) for (const key of keysOf(task, grouping)) addTask(lines, key, task);
  return [...lines.values()].sort((a, b) => a.key.localeCompare(b.key));
}

/** Returns the keys under which a task counts. A task with several labels counts for each of them. */
function keysOf({ agent, labels, createdAt }: TaskJson, grouping: Grouping): string[] {
  if (!agent) return [];
  if (grouping === "agent") return [agent.name];
  if (grouping === "model") return [agent.model ?? "unknown"];
  if (grouping === "day") return [createdAt.slice(0, 10)];
  return Object.entries(labels).map(([name, text]) => `${name}=${text}`);
}

function addTask(lines: Map<string, UsageLine>, key: string, { usage }: TaskJson): void {
  const zeros = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, turns: 0, toolCalls: 0 };
  const line = lines.get(key) ?? { key, tasks: 0, ...zeros, costUsd: null };
  lines.set(key, line);
  line.tasks++;
  if (!usage) return;
  for (const field of countFields) line[field] += usage[field];
  if (usage.costUsd !== null) line.costUsd = (line.costUsd ?? 0) + usage.costUsd;
}

function usageTable(lines: readonly UsageLine[], grouping: Grouping, columns: number | undefined): string[] {
  const heads = [
    { title: grouping.toUpperCase(), minWidth: 8, isCutLast: true },
    { title: "TASKS", isRight: true },
    { title: "IN", isRight: true },
    { title: "OUT", isRight: true },
    { title: "CACHED", isRight: true, dropOrder: 1 },
    { title: "COST", isRight: true },
    { title: "TURNS", isRight: true, dropOrder: 2 },
    { title: "TOOLS", isRight: true, dropOrder: 3 },
  ];
  const rows = lines.map(
    ({ key, tasks, inputTokens, outputTokens, cachedTokens, costUsd, turns, toolCalls }) => [
      oneLine(key),
      ...[tasks, inputTokens, outputTokens, cachedTokens].map(String),
      costUsd === null ? "-" : `$${costUsd.toFixed(2)}`,
      String(turns),
      String(toolCalls),
    ],
  );
  return tableLines(heads, rows, columns);
}
