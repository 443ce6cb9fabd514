/** `<tasks>`: ids, or options that select tasks by their properties. */
import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal, openStates, type State } from "../../core/machine.ts";
import { isPattern, isSeveral, rangesOf } from "../../core/references.ts";
import { toIso } from "../../core/time.ts";
import type { Params, Result, Selector, TaskJson } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import { flag, type ValuesOf, value, values } from "../command/define.ts";
import { pair, state } from "../command/option-values.ts";
import { reference } from "../command/session.ts";
import { usage } from "../command/usage.ts";

/** The operand of commands that take `<tasks>`. */
export const tasksArgument = [
  "[tasks...]",
  "ids (3, 3-7, 3,5,9), uuids, names or patterns of names (build-*); or --all, --queue, --label, --state",
] as const;

/** The options of commands that take `<tasks>`. */
export const selectorOptions = {
  all: flag("-a, --all", "every task that the command applies to"),
  queue: value("-q, --queue <queue>", "tasks of this queue"),
  labels: values("-l, --label <key=value>", "tasks with this label (repeatable: all of them)", pair),
  states: values("--state <state>", "tasks in this state (repeatable: any of them)", state),
};

export type SelectorValues = ValuesOf<typeof selectorOptions>;

/** Which tasks a command is for. */
export type Selection = { ids: string[] } | { select: Selector };

/** Parses operands and selectors; throws a usage error for neither or both. */
export function selectionOf(ids: string[], options: SelectorValues): Selection {
  const select = selectorOf(options);
  const isSelected = Object.keys(select).length > 0;
  if (ids.length > 0 && isSelected)
    throw usage("either ids, or --all, --queue, --label and --state, not both");
  if (ids.length > 0) return { ids: [...new Set(ids)] };
  if (!isSelected) throw usage("which tasks? Name their ids, or --all, --queue, --label or --state");
  return { select };
}

/** Returns the selector that the options mean; empty if none of them is given. */
export function selectorOf({ all, queue, labels, states }: SelectorValues): Selector {
  return {
    ...(all ? { all } : {}),
    ...defined({ queue }),
    ...(labels.length > 0 ? { labels: Object.fromEntries(labels) } : {}),
    ...(states.length > 0 ? { state: states } : {}),
  };
}

/** Returns whether a selection always means one task, whatever tasks there are. */
export function isSingleTask(selection: Selection): boolean {
  return "ids" in selection && selection.ids.length === 1 && !isSeveral(selection.ids[0] ?? "");
}

/**
 * Returns the tasks that words mean, each once. A range means its existing tasks; a pattern means tasks in one of
 * `states` whose names match. Throws `TaskNotFound` for a range or a pattern without a task.
 */
export async function referencesOf(
  rpc: RpcClient,
  words: readonly string[],
  states: readonly State[] = openStates,
): Promise<(number | string)[]> {
  const references = new Set<number | string>();
  for (const word of words) {
    if (!isSeveral(word)) references.add(words.length === 1 ? reference(word) : await idOf(rpc, word));
    else if (isPattern(word)) for (const id of await idsByName(rpc, word, states)) references.add(id);
    else
      for (const range of rangesOf(word) ?? [])
        for (const id of await idsInRange(rpc, range)) references.add(id);
  }
  return [...references];
}

/**
 * Returns the id of the task that a word means, so that one task is not taken for two. Returns a word that means no task
 * as it is: the verb reports it.
 */
async function idOf(rpc: RpcClient, word: string): Promise<number | string> {
  const ref = reference(word);
  if (typeof ref === "number") return ref;
  const found = await rpc.call("tasks/get", { id: ref }).catch((error: unknown) => {
    if (error instanceof AgentctlError) return undefined;
    throw error;
  });
  return found?.task.id ?? ref;
}

async function idsByName(rpc: RpcClient, pattern: string, states: readonly State[]): Promise<number[]> {
  const tasks = await allPages(rpc, { name: pattern, state: [...states], fields: ["id"] });
  if (tasks.length > 0) return tasks.map(({ id }) => id);
  const kind = states.some(isTerminal) ? "" : "open ";
  const message = `no ${kind}task is named like ${JSON.stringify(pattern)}`;
  throw new AgentctlError("TaskNotFound", { id: pattern }, { message });
}

async function idsInRange(rpc: RpcClient, { from, to }: { from: number; to: number }): Promise<number[]> {
  if (from === to) return [from];
  const ids: number[] = [];
  let cursor: string | null = String(Math.max(0, from - 1));
  while (cursor !== null && Number(cursor) < to) {
    const page: Result<"tasks/list"> = await rpc.call("tasks/list", { cursor, fields: ["id"] });
    ids.push(...page.tasks.flatMap(({ id }) => (id <= to ? [id] : [])));
    cursor = page.next;
  }
  if (ids.length > 0) return ids;
  throw new AgentctlError("TaskNotFound", { id: `${from}-${to}` });
}

/** Returns the selected tasks that are in one of the states to which a command applies. */
export async function selectedTasks(
  rpc: RpcClient,
  { queue, labels, state }: Selector,
  applicable: readonly State[],
): Promise<TaskJson[]> {
  const matching = state ? applicable.filter((each) => state.includes(each)) : [...applicable];
  if (matching.length === 0) return [];
  return await allPages(rpc, {
    state: matching,
    ...defined({ queue, labels }),
  });
}

/** Fetches all pages of `tasks/list`; the first one may have been requested already. */
export async function allPages(
  rpc: RpcClient,
  params: Params<"tasks/list">,
  first = rpc.call("tasks/list", params),
): Promise<TaskJson[]> {
  const tasks: TaskJson[] = [];
  for await (const page of pagesOf(rpc, params, first)) tasks.push(...page);
  return tasks;
}

/** Yields each page of `tasks/list`; the first was requested already. Requests the next page before it yields one. */
export async function* pagesOf(
  rpc: RpcClient,
  params: Params<"tasks/list">,
  first: Promise<Result<"tasks/list">>,
): AsyncGenerator<TaskJson[]> {
  for (let next: typeof first | null = first; next !== null; ) {
    const page: Result<"tasks/list"> = await next;
    next = page.next === null ? null : rpc.call("tasks/list", { ...params, cursor: page.next });
    // A caller that stops at this page never awaits the next one.
    next?.catch(() => undefined);
    yield page.tasks;
  }
}

/** Returns a query for tasks of this queue, labels and name that were submitted since then. It finds each task once. */
export function submittedSince(
  since: number,
  { queue, labels, name }: Pick<Params<"tasks/list">, "queue" | "labels" | "name">,
  existing: ReadonlySet<number>,
): (rpc: RpcClient) => Promise<number[]> {
  let last = 0;
  return async (rpc) => {
    const filter = {
      ...(queue === undefined ? {} : { queue }),
      ...(labels === undefined ? {} : { labels }),
      ...(name === undefined ? {} : { name }),
    };
    const tasks = await allPages(rpc, { ...filter, since: toIso(since), cursor: String(last) });
    last = tasks.at(-1)?.id ?? last;
    return tasks.flatMap(({ id }) => (existing.has(id) ? [] : [id]));
  };
}
