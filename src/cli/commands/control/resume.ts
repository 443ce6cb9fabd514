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
import {
  isSingleTask,
  referencesOf,
  selectionOf,
  selectorOptions,
  tasksArgument,
} from "../../input/selection.ts";
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
  async run(context, ids, { all, queue, labels, states, ...resumeOptions }) {
    const { out } = context;
    const selection = selectionOf(ids, { all, queue, labels, states });
    const params = paramsOf(context, resumeOptions);
    const say = ({ task }: { task: TaskJson }) => out.line(`task ${task.id} ${stateText(task)}`);
    return await withDaemon(context, async (rpc) => {
      if ("select" in selection) {
        const heldBefore = await heldQueues(rpc);
        const response = (await rpc.call("tasks/resume", {
          select: selection.select,
          ...params,
        })) as ManyAnswers;
        const waitInterrupt = new WaitInterrupt(context, false);
        const results = resumeOptions.wait
          ? await waitUntilAllRun(context, rpc, response.results, waitInterrupt)
          : response.results;
        const answers = await answersOfMany(context, { ...response, results }, say);
        waitInterrupt.end();
        const stillHeld = new Set(await heldQueues(rpc));
        const released = heldBefore.filter((name) => !stillHeld.has(name));
        if (released.length > 0)
          out.note(`released ${released.length === 1 ? "queue" : "queues"} ${released.join(", ")}`);
        noteHeldQueues(context, selection.select, [...stillHeld]);
        return conclude(context, selection, answers, nothingResumedText(selection.select));
      }
      const waitInterrupt = new WaitInterrupt(context, isSingleTask(selection));
      const answers = await answerEach(context, await referencesOf(rpc, selection.ids), {
        act: async (id) => {
          const response = (await rpc.call("tasks/resume", { id, ...params })) as Resumed;
          if (resumeOptions.wait) waitInterrupt.begin(response.task);
          for (const note of response.notes) out.note(`task ${response.task.id}: ${oneLine(note)}`);
          return resumeOptions.wait
            ? { ...response, task: await waitUntilRunning(context, rpc, response.task) }
            : response;
        },
        say,
      }).finally(() => waitInterrupt.end());
      return conclude(context, selection, answers);
    });
  },
});

/** Names the queues that stay held because they were held separately, which the user may not expect. */
function noteHeldQueues({ out }: Context, { all, queue }: Selector, queueNames: readonly string[]): void {
  for (const name of queueNames)
    if (all || queue === name) out.note(`queue ${name} is still held`, `agentctl queue release ${name}`);
}

function nothingResumedText({ queue, labels, state }: Selector): string {
  if (labels || state) return "no task that matches is suspended";
  return `no task is suspended by pause ${queue === undefined ? "--all" : `--queue ${queue}`}`;
}

async function heldQueues(rpc: RpcClient): Promise<string[]> {
  const { queues } = await rpc.call("queues/list", {});
  return queues.flatMap(({ name, held }) => (held ? [name] : []));
}

/** If the user interrupts the wait, says which tasks stay resumed. The signal then has its usual effect. */
class WaitInterrupt {
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
      this.#context.out.note(`detached; ${this.#standsText()}`);
      interrupt.giveUp();
    });
  }

  end(): void {
    this.#interrupt?.end();
  }

  #standsText(): string {
    const ids = this.#resumed.join(", ");
    return this.#isForOne
      ? `the resume stands: agentctl show ${ids} tells when it is running`
      : `the resume of task ${ids} stands: agentctl list tells what is running`;
  }
}

function stateText({ id, state, waiting }: TaskJson): string {
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
  const variables = { ...(refreshEnv ? callerEnvironment(context) : {}), ...chosenVariables(context, env) };
  return {
    actor: actor(context),
    ...defined({ from, message, addCost, addTokens, addTurns }),
    ...(on.length > 0 ? { on } : {}),
    ...(fromStart ? { fromStart } : {}),
    ...(env.length > 0 || refreshEnv ? { env: variables } : {}),
    ...(refreshEnv ? { replaceEnv: true } : {}),
    ...(module === undefined ? {} : { module: existingPath(context, module) }),
  };
}

/** Waits until the resumed tasks run. A task that is paused again before becomes a failed result. */
async function waitUntilAllRun(
  context: Context,
  rpc: RpcClient,
  results: ManyAnswers["results"],
  waitInterrupt: WaitInterrupt,
): Promise<ManyAnswers["results"]> {
  return await Promise.all(
    results.map(async (result) => {
      if (!result.ok || !result.task) return result;
      waitInterrupt.begin(result.task);
      try {
        return { ...result, task: await waitUntilRunning(context, rpc, result.task) };
      } catch (error) {
        return { id: result.id, ok: false, changed: result.changed, error: asAgentctlError(error).toWire() };
      }
    }),
  );
}

/** Returns the task once it runs; throws if it is paused again before, or could not start. */
async function waitUntilRunning({ clock }: Context, rpc: RpcClient, { id }: TaskJson): Promise<TaskJson> {
  const until = ["working", "submitted", "input-required", "suspended"] as const;
  const { task } = await rpc.call("tasks/wait", { id, until: [...until] });
  if (task.state !== "suspended") return task;
  const { state, error } = task;
  const message =
    error?.name === "CannotStart"
      ? `task ${id} could not start and is suspended again: ${error.message}`
      : `task ${id} is suspended again: ${pauseText(task, clock.now())}`;
  const hint = `agentctl show ${id}`;
  throw new AgentctlError("TaskNotResumable", { id, state, allowed: ["suspended"] }, { message, hint });
}
