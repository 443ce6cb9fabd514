import { defined } from "../../../core/defined.ts";
import { AgentctlError, asAgentctlError } from "../../../core/errors.ts";
import type { Result, Selector, TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, type ValuesOf, value, values } from "../../command/define.ts";
import { amount, integer, variable } from "../../command/option-values.ts";
import { actor, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { answerEach, answersOfMany, conclude, type ManyAnswers } from "../../follow/answers.ts";
import { Interrupt } from "../../follow/interrupt.ts";
import { callerEnvironment, chosenVariables } from "../../input/caller-environment.ts";
import { existingPath } from "../../input/input.ts";
import { isOne, referencesOf, selectionOf, selectorOptions, tasksArgument } from "../../input/selection.ts";
import { pauseText } from "../../text/task-text.ts";
import { oneLine } from "../../text/terminal-text.ts";

const options = {
  ...selectorOptions,
  from: value("--from <checkpoint>", "continue from this checkpoint, not the newest", integer(1)),
  fromStart: flag("--from-start", "begin again, from no checkpoint and no journal"),
  wait: flag("-w, --wait", "return when they are running again"),
  env: values("-e, --env <NAME[=value]>", "a variable for the task (repeatable)", variable),
  refreshEnv: flag("--refresh-env", "the caller's environment replaces the kept one"),
  message: value("--message <text>", "what a coding agent is told as it goes on"),
  addCost: value("--add-cost <usd>", "raise the cost limit of a coding agent by this much", amount),
  addTokens: value("--add-tokens <n>", "raise the token limit of a coding agent by this many", integer(1)),
  on: values(
    "--on <machine|key=value>",
    "in a cluster: on this machine, or one with this label (repeatable)",
    String,
  ),
  addTurns: value("--add-turns <n>", "raise the turn limit of a coding agent by this many", integer(1)),
  module: value("--module <file>", "the task module is this file from now on"),
};

type ResumeValues = Omit<ValuesOf<typeof options>, keyof typeof selectorOptions>;
type Resumed = Extract<Result<"tasks/resume">, { task: unknown }>;

export const resume = command({
  name: "resume",
  summary: "queue suspended tasks again, to continue where they were",
  notes:
    "With --all or --queue it releases the queues that the same pause held, and resumes the tasks that it suspended; other paused tasks stay.",
  args: [tasksArgument],
  options,
  examples: [
    ["resume 12", "continue task 12 as soon as there is a slot"],
    ["resume 12 --from 3", "continue from checkpoint 3; later ones are superseded"],
    ["resume 12 --from-start", "begin again"],
    ["resume --all", "take back pause --all"],
  ],
  async run(context, ids, { all, queue, labels, states, ...given }) {
    const { out } = context;
    const selection = selectionOf(ids, { all, queue, labels, states });
    const params = paramsOf(context, given);
    const say = ({ task }: { task: TaskJson }) => out.line(`task ${task.id} ${sayState(task)}`);
    return await withDaemon(context, async (rpc) => {
      if ("select" in selection) {
        const held = await heldQueues(rpc);
        const many = (await rpc.call("tasks/resume", {
          select: selection.select,
          ...params,
        })) as ManyAnswers;
        const waiting = new Waiting(context, false);
        const results = given.wait ? await allAtWork(rpc, many.results, waiting) : many.results;
        const answers = await answersOfMany(context, { ...many, results }, say);
        waiting.end();
        const stillHeld = new Set(await heldQueues(rpc));
        const released = held.filter((name) => !stillHeld.has(name));
        if (released.length > 0)
          out.note(`released ${released.length === 1 ? "queue" : "queues"} ${released.join(", ")}`);
        noteHeld(context, selection.select, [...stillHeld]);
        return conclude(context, selection, answers, nothingResumed(selection.select));
      }
      const waiting = new Waiting(context, isOne(selection));
      const answers = await answerEach(context, await referencesOf(rpc, selection.ids), {
        act: async (id) => {
          const resumed = (await rpc.call("tasks/resume", { id, ...params })) as Resumed;
          if (given.wait) waiting.begin(resumed.task);
          for (const note of resumed.notes) out.note(`task ${resumed.task.id}: ${oneLine(note)}`);
          return given.wait ? { ...resumed, task: await atWork(rpc, resumed.task) } : resumed;
        },
        say,
      }).finally(() => waiting.end());
      return conclude(context, selection, answers);
    });
  },
});

/** Names the queues that stay held because they were held separately, which the user may not expect. */
function noteHeld({ out }: Context, { all, queue }: Selector, held: readonly string[]): void {
  for (const name of held)
    if (all || queue === name) out.note(`queue ${name} is still held`, `agentctl queue release ${name}`);
}

function nothingResumed({ queue, labels, state }: Selector): string {
  if (labels || state) return "no task that matches is suspended";
  return `no task is suspended by pause ${queue === undefined ? "--all" : `--queue ${queue}`}`;
}

async function heldQueues(rpc: RpcClient): Promise<string[]> {
  const { queues } = await rpc.call("queues/list", {});
  return queues.flatMap(({ name, held }) => (held ? [name] : []));
}

/** If the user interrupts the wait, says which tasks stay resumed. The signal then has its usual effect. */
class Waiting {
  readonly #context: Context;
  readonly #isForOne: boolean;
  readonly #resumed: number[] = [];
  #interrupt: Interrupt | undefined;

  constructor(context: Context, isForOne: boolean) {
    this.#context = context;
    this.#isForOne = isForOne;
  }

  /** Notes that this task is queued again and that we wait for it. */
  begin({ id }: TaskJson): void {
    this.#resumed.push(id);
    this.#interrupt ??= new Interrupt((interrupt) => {
      this.#context.out.note(`detached; ${this.#standing()}`);
      interrupt.giveUp();
    });
  }

  end(): void {
    this.#interrupt?.end();
  }

  #standing(): string {
    const ids = this.#resumed.join(", ");
    return this.#isForOne
      ? `the resume stands: agentctl show ${ids} tells when it is running`
      : `the resume of task ${ids} stands: agentctl list tells what is running`;
  }
}

function sayState({ id, state, waiting }: TaskJson): string {
  if (waiting?.for === "hold") return `resumed; it is held: agentctl release ${id}`;
  if (waiting?.for === "queue") return `resumed; its queue is held: agentctl queue release ${waiting.on}`;
  if (state === "resumed") return "resumed; it goes on when there is a slot";
  return state === "working" ? "resumed and running" : `resumed; it is ${state}`;
}

function paramsOf(
  context: Context,
  { from, fromStart, env, refreshEnv, module, message, addCost, addTokens, addTurns, on }: ResumeValues,
) {
  if (from !== undefined && fromStart) throw usage("either --from or --from-start, not both");
  if (refreshEnv && context.host)
    throw usage(
      `--refresh-env takes the environment of this machine, and the task is on ${context.host.text}`,
    );
  const chosen = { ...(refreshEnv ? callerEnvironment(context) : {}), ...chosenVariables(context, env) };
  return {
    actor: actor(context),
    ...defined({ from, message, addCost, addTokens, addTurns }),
    ...(on.length > 0 ? { on } : {}),
    ...(fromStart ? { fromStart } : {}),
    ...(env.length > 0 || refreshEnv ? { env: chosen } : {}),
    ...(refreshEnv ? { replaceEnv: true } : {}),
    ...(module === undefined ? {} : { module: existingPath(context, module) }),
  };
}

/** Waits until the resumed tasks run. A task that is paused again before becomes a failed result. */
async function allAtWork(
  rpc: RpcClient,
  results: ManyAnswers["results"],
  waiting: Waiting,
): Promise<ManyAnswers["results"]> {
  return await Promise.all(
    results.map(async (result) => {
      if (!result.ok || !result.task) return result;
      waiting.begin(result.task);
      try {
        return { ...result, task: await atWork(rpc, result.task) };
      } catch (error) {
        return { id: result.id, ok: false, changed: result.changed, error: asAgentctlError(error).toWire() };
      }
    }),
  );
}

/** Returns the task once it runs; throws if it is paused again before. */
async function atWork(rpc: RpcClient, { id }: TaskJson): Promise<TaskJson> {
  const until = ["working", "submitted", "input-required", "suspended"] as const;
  const { task } = await rpc.call("tasks/wait", { id, until: [...until] });
  if (task.state !== "suspended") return task;
  const reason = `it is suspended again: ${pauseText(task, 0)}`;
  throw new AgentctlError("TaskNotResumable", { id, state: task.state, allowed: ["suspended"], reason });
}
