/** Several tasks: each is answered by itself, and one that cannot be done keeps no other from it. */
import { AgentctlError, asAgentctlError } from "../../core/errors.ts";
import { openStates, type State } from "../../core/machine.ts";
import type { Result, TaskJson } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "../command/context.ts";
import { inWordsOf } from "../command/usage.ts";
import { nearLabels } from "../input/near-labels.ts";
import { isOne, referencesOf, type Selection, selectedTasks } from "../input/selection.ts";
import { errorJson, printFailure } from "../text/failure.ts";
import { oneLine } from "../text/terminal-text.ts";

/** So many calls are under way at once. */
const AT_ONCE = 64;

/** What became of one task; `exitCode` is that of a command for this task alone. */
export interface Answer {
  id: number | string;
  ok: boolean;
  changed: boolean;
  task?: TaskJson;
  error?: AgentctlError;
  exitCode: number;
}

/** What a verb does with one task, and what it says of it. */
export interface Verb<R extends { task: TaskJson; changed: boolean }> {
  act: (id: number | string) => Promise<R>;
  /** Says it to a person. */
  say: (result: R) => void;
  /** Nothing is said of a task before all is said of those named before it; else of each as soon as it is done. */
  inOrder?: boolean;
}

/** The ids that a selection means, those of tasks to which the verb applies. */
export async function selectedIds(
  rpc: RpcClient,
  selection: Selection,
  applicable: readonly State[],
  applies: (task: TaskJson) => boolean = () => true,
  named: readonly State[] = openStates,
): Promise<(number | string)[]> {
  if ("ids" in selection) return await referencesOf(rpc, selection.ids, named);
  const tasks = await selectedTasks(rpc, selection.select, applicable);
  return tasks.filter(applies).map(({ id }) => id);
}

/** Does the verb with every id and answers each; in their order. */
export async function answerEach<R extends { task: TaskJson; changed: boolean }>(
  context: Context,
  ids: readonly (number | string)[],
  { act, say, inOrder = false }: Verb<R>,
): Promise<Answer[]> {
  const { out } = context;
  const answers: Answer[] = [];
  const inTurn = new InTurn();
  const tell = async (at: number, words: Words) => {
    if (!out.json) await (inOrder ? inTurn.say(at, words) : words());
  };
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < ids.length; at = next++) {
      const id = ids[at] ?? 0;
      try {
        const result = await act(id);
        answers[at] = done(result);
        await tell(at, () => say(result));
      } catch (error) {
        const known = inWordsOf(context.command, asAgentctlError(error));
        answers[at] = refused((known.data.id as number | undefined) ?? id, known);
        await tell(at, () => printFailure(known, out));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, ids.length) }, worker));
  return answers;
}

type Words = () => void | Promise<void>;

/** Says what comes in any order in the order of its numbers, which begin with 0. */
class InTurn {
  readonly #waiting = new Map<number, Words>();
  #next = 0;

  async say(at: number, words: Words): Promise<void> {
    this.#waiting.set(at, words);
    for (let due = this.#due(); due; due = this.#due()) {
      await due();
      this.#next += 1;
    }
  }

  #due(): Words | undefined {
    const words = this.#waiting.get(this.#next);
    this.#waiting.delete(this.#next);
    return words;
  }
}

/** Prints the JSON of the answers, and resolves with the exit code. One id is answered by one object. */
export async function conclude(
  context: Context,
  selection: Selection,
  answers: readonly Answer[],
  nothing = "no task matches; nothing was to be done",
): Promise<number> {
  const { out } = context;
  const isAlone = isOne(selection);
  const [first] = answers;
  if (out.json) out.data(isAlone && first ? answerJson(first) : answers.map(answerJson));
  else if (answers.length === 0) {
    const { labels } = "select" in selection ? selection.select : {};
    out.note(`${nothing}${await nearLabels(context, labels)}`);
  }
  if (isAlone && first) return first.exitCode;
  return answers.every(({ ok }) => ok) ? 0 : 1;
}

/** What a call answers that selects the tasks in the daemon. */
export type ManyAnswers = Extract<Result<"tasks/pause">, { results: unknown }>;

/** Says what became of the tasks that the daemon selected, and of those that it left as they were. */
export async function answersOfMany(
  { out }: Context,
  { results, left }: ManyAnswers,
  say: (result: ManyAnswers["results"][number] & { task: TaskJson }) => void,
): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const result of results) {
    const { id, ok, task, error } = result;
    if (ok && task) {
      answers.push(done({ ...result, task }));
      if (!out.json) say({ ...result, task });
      continue;
    }
    const known = error ? AgentctlError.fromWire(error) : new AgentctlError("InternalError", { id });
    answers.push(refused(id, known));
    if (!out.json) await printFailure(known, out);
  }
  for (const { id, state, reason } of left) out.note(`task ${id} stays ${state}: ${oneLine(reason)}`);
  return answers;
}

function done({ task, changed }: { task: TaskJson; changed: boolean }): Answer {
  return { id: task.id, ok: true, changed, task, exitCode: 0 };
}

/** The answer of a task that could not be dealt with. */
export function refused(id: number | string, error: AgentctlError): Answer {
  return { id, ok: false, changed: false, error, exitCode: error.exitCode };
}

function answerJson({ id, ok, changed, task, error }: Answer): Record<string, unknown> {
  return { id, ok, changed, ...(task ? { task } : {}), ...(error ? { error: errorJson(error) } : {}) };
}
