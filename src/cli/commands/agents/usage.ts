import { defined } from "../../../core/defined.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import { choice, command, value } from "../../command/define.ts";
import { pastTime } from "../../command/option-values.ts";
import { withOpening } from "../../command/session.ts";
import { allPages } from "../../input/selection.ts";
import { tableLines } from "../../text/table.ts";
import { oneLine } from "../../text/terminal-text.ts";

const ways = ["agent", "model", "label", "day"] as const;
type Way = (typeof ways)[number];

const counts = ["inputTokens", "outputTokens", "cachedTokens", "turns", "toolCalls"] as const;

/** What the tasks of one agent, model, label or day have used. */
type Line = Record<(typeof counts)[number], number> & { key: string; tasks: number; costUsd: number | null };

export const usage = command({
  name: "usage",
  summary: "what coding agents have used: tokens, cost, turns and calls of tools",
  args: [],
  options: {
    since: value("--since <time>", "tasks submitted since then: 7d (ago), ISO 8601 or HH:MM", pastTime),
    by: choice("--by <what>", "a line for each agent, model, label or day (agent)", ways),
  },
  examples: [
    ["usage", "each agent, over all tasks that are kept"],
    ["usage --since 7d --by day", "the last week, day by day"],
  ],
  reads: true,
  async run(context, _args, { since, by = "agent" }) {
    const { out } = context;
    const params = defined({ since });
    const tasks = await withOpening(
      context,
      (rpc) => rpc.call("tasks/list", params),
      (rpc, first) => allPages(rpc, params, first),
    );
    const lines = linesOf(tasks, by);
    if (out.json) out.data(lines.map(({ key, ...used }) => ({ [by]: key, ...used })));
    else if (lines.length === 0 && tasks.some(({ agent }) => agent !== null))
      out.note("no task of a coding agent has a label", "agentctl run --label <key=value>");
    else if (lines.length === 0)
      out.note("no coding agent has run", 'agentctl run --agent claude "<prompt>"');
    else for (const line of usageTable(lines, by, out.columns)) out.line(line);
    return 0;
  },
});

function linesOf(tasks: readonly TaskJson[], by: Way): Line[] {
  const lines = new Map<string, Line>();
  for (const task of tasks) for (const key of keysOf(task, by)) add(lines, key, task);
  return [...lines.values()].sort((a, b) => a.key.localeCompare(b.key));
}

/** Returns the keys under which a task counts. A task with several labels counts for each of them. */
function keysOf({ agent, labels, createdAt }: TaskJson, by: Way): string[] {
  if (!agent) return [];
  if (by === "agent") return [agent.name];
  if (by === "model") return [agent.model ?? "unknown"];
  if (by === "day") return [createdAt.slice(0, 10)];
  return Object.entries(labels).map(([name, text]) => `${name}=${text}`);
}

function add(lines: Map<string, Line>, key: string, { usage }: TaskJson): void {
  const none = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, turns: 0, toolCalls: 0 };
  const line = lines.get(key) ?? { key, tasks: 0, ...none, costUsd: null };
  lines.set(key, line);
  line.tasks++;
  if (!usage) return;
  for (const count of counts) line[count] += usage[count];
  if (usage.costUsd !== null) line.costUsd = (line.costUsd ?? 0) + usage.costUsd;
}

function usageTable(lines: readonly Line[], by: Way, columns: number | undefined): string[] {
  const heads = [
    { title: by.toUpperCase(), least: 8, isCutLast: true },
    { title: "TASKS", isRight: true },
    { title: "IN", isRight: true },
    { title: "OUT", isRight: true },
    { title: "CACHED", isRight: true, leaves: 1 },
    { title: "COST", isRight: true },
    { title: "TURNS", isRight: true, leaves: 2 },
    { title: "TOOLS", isRight: true, leaves: 3 },
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
