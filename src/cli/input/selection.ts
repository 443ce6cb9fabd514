/** `<tasks>`: ids, or what selects tasks by what they are. */
import { defined } from "../../core/defined.ts";
import type { State } from "../../core/machine.ts";
import type { Params, Result, Selector, TaskJson } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import { flag, type ValuesOf, value, values } from "../command/define.ts";
import { pair, state } from "../command/option-values.ts";
import { usage } from "../command/usage.ts";

/** The operand of commands that take `<tasks>`. */
export const tasksArgument = [
  "[tasks...]",
  "ids, uuids or names; or --all, --queue, --label, --state select them",
] as const;

/** The options of commands that take `<tasks>`. */
export const selectorOptions = {
  all: flag("--all", "every task that the command applies to"),
  queue: value("--queue <queue>", "tasks of this queue"),
  labels: values("--label <key=value>", "tasks with this label (repeatable: all of them)", pair),
  states: values("--state <state>", "tasks in this state (repeatable: any of them)", state),
};

export type SelectorValues = ValuesOf<typeof selectorOptions>;

/** Which tasks a command is for. */
export type Selection = { ids: string[] } | { select: Selector };

/** Reads operands and selectors; throws a usage error when there are neither or both. */
export function selectionOf(ids: string[], options: SelectorValues): Selection {
  const select = selectorOf(options);
  const isSelected = Object.keys(select).length > 0;
  if (ids.length > 0 && isSelected)
    throw usage("either ids, or --all, --queue, --label and --state, not both");
  if (ids.length > 0) return { ids: [...new Set(ids)] };
  if (!isSelected) throw usage("which tasks? Name their ids, or --all, --queue, --label or --state");
  return { select };
}

/** The selector that the options mean; without any of them it is empty. */
export function selectorOf({ all, queue, labels, states }: SelectorValues): Selector {
  return {
    ...(all ? { all } : {}),
    ...defined({ queue }),
    ...(labels.length > 0 ? { labels: Object.fromEntries(labels) } : {}),
    ...(states.length > 0 ? { state: states } : {}),
  };
}

/** The selected tasks that are in one of the states to which a command applies. */
export async function selectedTasks(
  rpc: RpcClient,
  { queue, labels, state }: Selector,
  applicable: readonly State[],
): Promise<TaskJson[]> {
  const wanted = state ? applicable.filter((each) => state.includes(each)) : [...applicable];
  if (wanted.length === 0) return [];
  return await allPages(rpc, {
    state: wanted,
    ...defined({ queue, labels }),
  });
}

/** All pages of `tasks/list`, of which the first may have been asked for already. */
export async function allPages(
  rpc: RpcClient,
  params: Params<"tasks/list">,
  first = rpc.call("tasks/list", params),
): Promise<TaskJson[]> {
  const found: TaskJson[] = [];
  let page: Result<"tasks/list"> = await first;
  found.push(...page.tasks);
  while (page.next !== null) {
    page = await rpc.call("tasks/list", { ...params, cursor: page.next });
    found.push(...page.tasks);
  }
  return found;
}
