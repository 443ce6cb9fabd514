/** Applies a verb to several tasks. A failure with one task does not stop the others. */
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import { openStates, type State } from "../../core/machine.ts";
import type { Result, TaskJson } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "../command/context.ts";
import { withOptionNames } from "../command/usage.ts";
import { nearLabels } from "../input/near-labels.ts";
import { isSingleTask, referencesOf, type Selection, selectedTasks } from "../input/selection.ts";
import { errorJson, printFailure } from "../text/failure.ts";
import { oneLine } from "../text/terminal-text.ts";

/** How many calls run at the same time. */
const MAX_PARALLEL = 64;

/** The result for one task; `exitCode` is that of a command for this task only. */
export interface Answer {
  id: number | string;
  ok: boolean;
  changed: boolean;
  task?: TaskJson;
  error?: AgentctlError;
  exitCode: number;
}

/** What a verb does with one task, and how it reports the result. */
export interface Verb<R extends { task: TaskJson; changed: boolean }> {
  act: (id: number | string) => Promise<R>;
  /** Prints the result for a person. */
  say: (result: R) => void;
  /** Whether results are printed in the order of the tasks; otherwise each one as soon as it arrives. */
  inOrder?: boolean;
}

/** Returns the ids that a selection means, limited to tasks to which the verb applies. */
export async function selectedIds(
  rpc: RpcClient,
  selection: Selection,
  applicable: readonly State[],
  applies: (task: TaskJson) => boolean = () => true,
  nameStates: readonly State[] = openStates,
): Promise<(number | string)[]> {
  if ("ids" in selection) return await referencesOf(rpc, selection.ids, nameStates);
  const tasks = await selectedTasks(rpc, selection.select, applicable);
  return tasks.filter(applies).map(({ id }) => id);
}

/** Applies the verb to every id and prints each result; returns the answers in the order of the ids. */
export async function answerEach<R extends { task: TaskJson; changed: boolean }>(
  context: Context,
  ids: readonly (number | string)[],
  { act, say, inOrder = false }: Verb<R>,
): Promise<Answer[]> {
  const { out } = context;
  const answers: Answer[] = [];
  const printer = new OrderedPrinter();
  const print = async (index: number, callback: Print) => {
    if (!out.json) await (inOrder ? printer.print(index, callback) : callback());
  };
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < ids.length; index = next++) {
      const id = ids[index] ?? 0;
      try {
        const result = await act(id);
        answers[index] = successOf(result);
        await print(index, () => say(result));
      } catch (error) {
        const failure = withOptionNames(context.command, asAgentctlError(error));
        answers[index] = refused((failure.data.id as number | undefined) ?? id, failure);
        await print(index, () => printFailure(failure, out));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL, ids.length) }, worker));
  return answers;
}

type Print = () => void | Promise<void>;

/** Prints results in the order of their numbers, from 0 on, whatever order they arrive in. */
class OrderedPrinter {
  readonly #waiting = new Map<number, Print>();
  #next = 0;

  async print(index: number, callback: Print): Promise<void> {
    this.#waiting.set(index, callback);
    for (let ready = this.#takeNext(); ready; ready = this.#takeNext()) {
      await ready();
      this.#next += 1;
    }
  }

  #takeNext(): Print | undefined {
    const callback = this.#waiting.get(this.#next);
    this.#waiting.delete(this.#next);
    return callback;
  }
}

/** Prints the answers if JSON is wanted, and resolves with the exit code. A single id gives a single object. */
export async function conclude(
  context: Context,
  selection: Selection,
  answers: readonly Answer[],
  emptyText = "no task matches; nothing was to be done",
): Promise<number> {
  const { out } = context;
  const isSingle = isSingleTask(selection);
  const [first] = answers;
  if (out.json) out.data(isSingle && first ? answerJson(first) : answers.map(answerJson));
  else if (answers.length === 0) {
    const { labels } = "select" in selection ? selection.select : {};
    out.note(`${emptyText}${await nearLabels(context, labels)}`);
  }
  if (isSingle && first) return first.exitCode;
  return answers.every(({ ok }) => ok) ? 0 : 1;
}

/** The response to a call for which the daemon selects the tasks. */
export type ManyAnswers = Extract<Result<"tasks/pause">, { results: unknown }>;

/** Prints what became of the tasks that the daemon selected, and which of them it left unchanged. */
export async function answersOfMany(
  { out }: Context,
  { results, left: unchanged }: ManyAnswers,
  say: (result: ManyAnswers["results"][number] & { task: TaskJson }) => void,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const result of results) {
    const { id, ok, task, error } = result;
    if (ok && task) {
      answers.push(successOf({ ...result, task }));
      if (!out.json) say({ ...result, task });
      continue;
    }
    const failure = error ? AgentctlError.fromWire(error) : new AgentctlError("InternalError", { id });
    answers.push(refused(id, failure));
    if (!out.json) await printFailure(failure, out);
  }
  for (const { id, state, reason } of unchanged) out.note(`task ${id} stays ${state}: ${oneLine(reason)}`);
  return answers;
}

function successOf({ task, changed }: { task: TaskJson; changed: boolean }): Answer {
  return { id: task.id, ok: true, changed, task, exitCode: 0 };
}

/** Returns the answer for a task with which the verb failed. */
export function refused(id: number | string, error: AgentctlError): Answer {
  return { id, ok: false, changed: false, error, exitCode: error.exitCode };
}

function answerJson({ id, ok, changed, task, error }: Answer): Record<string, unknown> {
  return { id, ok, changed, ...(task ? { task } : {}), ...(error ? { error: errorJson(error) } : {}) };
}
