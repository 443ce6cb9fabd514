import { defined } from "../../../core/defined.ts";
import type { Params, TaskJson } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command, value } from "../../command/define.ts";
import { integer, pastTime } from "../../command/option-values.ts";
import { withOpening } from "../../command/session.ts";
import { allPages, selectorOf, selectorOptions } from "../../input/selection.ts";
import { taskTable } from "../../text/task-table.ts";

const RECENT = 20;

export const list = command({
  name: "list",
  summary: "open tasks and the last that ended, newest last",
  notes: `Shows all open tasks and the last ${RECENT} that ended, newest last; with --all, --state, --name or --since every one that fits.`,
  args: [],
  options: {
    ...selectorOptions,
    name: value("--name <name>", "tasks of this name"),
    since: value("--since <time>", "tasks submitted since then: 2h (ago), ISO 8601 or HH:MM", pastTime),
    limit: value("-n, --limit <n>", "at most the newest n", integer(1)),
  },
  examples: [
    ["list", "what waits, works, is paused, and has ended lately"],
    ["list --state suspended --state input-required", "what waits for a person"],
    [
      "list --label project=tea --since 2h --json",
      "tasks of a project from the last two hours, for a script",
    ],
  ],
  reads: true,
  async run(context, _args, { all, name, since, limit, ...selector }) {
    const { out } = context;
    const { all: _every, ...select } = selectorOf({ all, ...selector });
    const isWide = all || name !== undefined || since !== undefined || selector.states.length > 0;
    const params: Params<"tasks/list"> = {
      ...select,
      ...defined({ name, since }),
      ...(isWide ? {} : { recent: RECENT }),
    };
    const found = await withOpening(
      context,
      (rpc) => rpc.call("tasks/list", params),
      (rpc, first) => allPages(rpc, params, first),
    );
    const tasks = limit === undefined ? found : found.slice(-limit);
    const isFiltered = Object.keys(select).length > 0 || name !== undefined || since !== undefined;
    if (out.json) out.data(tasks);
    else if (tasks.length > 0) await print(context, tasks);
    else out.note(isFiltered ? "no task matches" : "no tasks here; agentctl run <program> submits one");
    return 0;
  },
});

async function print({ out, clock }: Context, tasks: readonly TaskJson[]): Promise<void> {
  out.line(taskTable(tasks, clock.now(), out.columns, await out.paint()).join("\n"));
}
