import { defined } from "../../../core/defined.ts";
import { isMachine } from "../../../home/cluster-file.ts";
import type { Params, TaskJson } from "../../../protocol/methods.ts";
import { didYouMean } from "../../../protocol/nearest.ts";
import type { Context } from "../../command/context.ts";
import { command, offering, Refusal, value } from "../../command/define.ts";
import { integer, pastTime } from "../../command/option-values.ts";
import { withOpening } from "../../command/session.ts";
import { nearLabels } from "../../input/near-labels.ts";
import { pagesOf, selectorOf, selectorOptions } from "../../input/selection.ts";
import { columnNames, sorted, type TaskColumnName } from "../../text/columns.ts";
import { TaskTable } from "../../text/task-table.ts";
import { listedFields, usualFields } from "../../text/task-text.ts";
import { templateOf } from "../../text/template.ts";

const RECENT_COUNT = 20;
/** How many tasks to request at a time: a longer page costs the daemon more, and all its clients wait for it. */
const PAGE_SIZE = 1000;

export const list = command({
  name: "list",
  summary: "open tasks and the last that ended, newest last",
  notes: `Shows all open tasks and the last ${RECENT_COUNT} that ended, newest last; with --all, --state, --name or --since every one that fits.`,
  args: [],
  options: {
    ...selectorOptions,
    name: value("--name <name>", "tasks of this name"),
    on: value(
      "--on <machine|key=value>",
      "in a cluster: tasks whose process is on this machine, or on one with this label",
    ),
    since: value("--since <time>", "tasks submitted since then: 2h (ago), ISO 8601 or HH:MM", pastTime),
    limit: value("-n, --limit <n>", "at most the newest n", integer(1)),
    columns: offering(
      value(
        "--columns <list>",
        `which columns, such as id,state,name: ${columnNames.join(", ")}`,
        parseColumns,
      ),
      columnNames,
    ),
    sort: offering(
      value("--sort <column[:desc]>", "the order of the tasks, such as ran:desc", parseSortOrder),
      columnNames,
    ),
    format: value("--format <template>", "a line a task from its JSON, such as '{id}\\t{pause.reason}'"),
  },
  examples: [
    ["list", "what waits, works, is paused, and has ended lately"],
    ["list --state suspended --state input-required", "what waits for a person"],
    [
      "list --label project=tea --since 2h --json",
      "tasks of a project from the last two hours, for a script",
    ],
    ["list --columns id,name,ran,exit --sort ran:desc", "the longest first"],
    ["list --on box2", "what runs on one machine of a cluster"],
    ["list --all --format '{id}\\t{name}\\t{pause.reason}'", "chosen fields, a line a task"],
  ],
  reads: true,
  async run(context, _args, { all, name, on, since, limit, columns, sort, format, ...selector }) {
    const { out } = context;
    const formatLine = format === undefined ? undefined : templateOf(format);
    const { all: _every, ...select } = selectorOf({ all, ...selector });
    const isUnlimited =
      all || [name, on, since].some((each) => each !== undefined) || selector.states.length > 0;
    const isTable = !out.json && formatLine === undefined;
    const fields = columns === undefined && sort === undefined ? usualFields : listedFields;
    const params: Params<"tasks/list"> = {
      ...select,
      ...defined({ name, since, on }),
      ...(isUnlimited ? {} : { recent: RECENT_COUNT, limit: PAGE_SIZE }),
      ...(isTable ? { fields: [...fields] } : {}),
    };
    // Without --sort and --limit, rows are made while the daemon prepares the next page.
    const isIncremental = isTable && sort === undefined && limit === undefined;
    const { table, fetched } = await withOpening(
      context,
      (rpc) => rpc.call("tasks/list", params),
      async (rpc, firstPage) => {
        const table = await createTable(context, columns);
        const fetched: TaskJson[] = [];
        for await (const page of pagesOf(rpc, params, firstPage)) {
          if (isIncremental) table.add(page);
          else fetched.push(...page);
        }
        return { table, fetched };
      },
    );
    const newest = limit === undefined ? fetched : fetched.slice(-limit);
    const tasks = sort ? sorted(newest, sort) : newest;
    if (isTable) table.add(tasks);
    const isFiltered = [name, on, since, ...Object.values(select)].some((each) => each !== undefined);
    if (out.json) out.data(tasks);
    else if (formatLine) for (const task of tasks) out.line(formatLine(task));
    else if (table.size > 0) out.line(table.lines().join("\n"));
    else if (isFiltered) out.note(`no task matches${await nearLabels(context, select.labels)}`);
    else out.note("no tasks here", "agentctl run <program> submits one");
    return 0;
  },
});

async function createTable(
  { out, clock, paths, host }: Context,
  chosenColumns: readonly TaskColumnName[] | undefined,
): Promise<TaskTable> {
  // For a daemon elsewhere, its tasks show whether they are in a cluster.
  const isCluster = host === null && isMachine(paths) ? true : undefined;
  return new TaskTable({
    now: clock.now(),
    columns: out.columns,
    paint: await out.paint(),
    chosen: chosenColumns,
    isCluster,
  });
}

function parseColumns(text: string): TaskColumnName[] {
  return text.split(",").map((name) => parseColumn(name.trim()));
}

function parseSortOrder(text: string): { column: TaskColumnName; isDown: boolean } {
  const [name = "", order = "asc", ...more] = text.split(":");
  if (more.length > 0 || (order !== "asc" && order !== "desc"))
    throw new Refusal(`${JSON.stringify(text)} is not an order; use one such as ran:desc`);
  return { column: parseColumn(name), isDown: order === "desc" };
}

function parseColumn(text: string): TaskColumnName {
  const name = columnNames.find((each) => each === text.toLowerCase());
  if (name) return name;
  throw new Refusal(
    `there is no column ${JSON.stringify(text)}${didYouMean(text, columnNames)}; there are ${columnNames.join(", ")}`,
  );
}
