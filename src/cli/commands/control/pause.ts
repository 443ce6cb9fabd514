import type { Environment } from "../../../client/environment.ts";
import { defined } from "../../../core/defined.ts";
import { pauseModes } from "../../../core/submitted.ts";
import type { Selector } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { choice, command, flag, type ValuesOf, value } from "../../command/define.ts";
import { duration, time } from "../../command/option-values.ts";
import { actor, reference, withOpening } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { answerEach, answersOfMany, conclude, type ManyAnswers } from "../../follow/answers.ts";
import { showPausing } from "../../follow/pausing.ts";
import {
  isSingleTask,
  referencesOf,
  selectionOf,
  selectorOptions,
  tasksArgument,
} from "../../input/selection.ts";
import { type Paused, pauseWords } from "../../text/pause-words.ts";
import { whenText } from "../../text/when.ts";

const options = {
  ...selectorOptions,
  mode: choice("--mode <mode>", "end it at a checkpoint, or stop it where it stands", pauseModes),
  grace: value("--grace <duration>", "how long it may take to save a checkpoint (60s)", duration),
  until: value("--until <time>", "resume by itself then", time),
  at: value("--at <time>", "pause then, and not at once; never takes a planned pause back", parseTimeOrNever),
  reason: value("--reason <text>", "why; is recorded"),
  noWait: flag("--no-wait", "return when the request is recorded"),
};

type PauseValues = Omit<ValuesOf<typeof options>, keyof typeof selectorOptions>;

export const pause = command({
  name: "pause",
  summary: "pause tasks: their processes have stopped when this returns",
  notes: [
    "By a checkpoint if the task can save one, which also frees its memory; otherwise by stopping all of its processes.",
    "--all and --queue also hold those queues, until resume with the same selector.",
  ].join(" "),
  args: [tasksArgument],
  options,
  examples: [
    ["pause 12", "pause task 12; resume 12 continues it"],
    ["pause 12 --mode checkpoint --grace 5m", "end its process at a checkpoint, within five minutes"],
    ["pause 12 --grace 0s", "at once: the last saved checkpoint stands"],
    ["pause --all --until 08:00", "everything, until the morning"],
    ["pause 12 --at 18:00", "in the evening; pause 12 --at never takes that back"],
  ],
  async run(context, ids, { all, queue, labels, states, ...pauseOptions }) {
    const selection = selectionOf(ids, { all, queue, labels, states });
    requireOrder(pauseOptions, context.clock.now());
    const params = paramsOf(context, pauseOptions);
    const say = (result: Paused) => printPaused(context, result, pauseOptions);
    const pauseOne = async (rpc: RpcClient, id: number | string) =>
      (await rpc.call("tasks/pause", { id, ...params })) as Paused;
    const onlyId = "ids" in selection && isSingleTask(selection) ? selection.ids[0] : undefined;
    const startPause = (rpc: RpcClient) =>
      onlyId === undefined ? undefined : pauseOne(rpc, reference(onlyId));
    return await withOpening(context, startPause, async (rpc, pendingPause) => {
      const references = "ids" in selection ? await referencesOf(rpc, selection.ids) : undefined;
      const progress = showPausing(context, rpc, references);
      try {
        if ("select" in selection) {
          const response = (await rpc.call("tasks/pause", {
            select: selection.select,
            ...params,
          })) as ManyAnswers;
          const answers = await answersOfMany(context, response, say);
          if (pauseOptions.at !== null) noteHeldQueues(context, selection.select, pauseOptions);
          return conclude(
            context,
            selection,
            answers,
            pauseOptions.at === undefined
              ? "no task that matches is running"
              : "no task that matches is open",
          );
        }
        const answers = await answerEach(context, references ?? [], {
          act: async (id) => await (pendingPause ?? pauseOne(rpc, id)),
          say,
        });
        return conclude(context, selection, answers);
      } finally {
        progress.end();
      }
    });
  },
});

function paramsOf(context: Context, { mode, grace, until, at, reason, noWait }: PauseValues) {
  return {
    actor: actor(context),
    ...defined({ mode, graceMs: grace, until, at, reason }),
    ...(noWait ? { wait: false } : {}),
  };
}

/** Says that paused queues are also held, so no task in them starts. */
function noteHeldQueues({ out, clock }: Context, selector: Selector, { at, until }: PauseValues): void {
  const { queue, labels, state } = selector;
  if (labels || state) return;
  const fromText = at ? ` from ${whenText(at, clock.now())}` : "";
  const untilText = until === undefined ? "" : `${whenText(until, clock.now())} or `;
  if (queue === undefined) out.note(`every queue is held${fromText} until ${untilText}agentctl resume --all`);
  else out.note(`queue ${queue} is held${fromText} until ${untilText}agentctl resume --queue ${queue}`);
}

const NEVER = "never";

/** Parses a future time; `never` becomes null. */
function parseTimeOrNever(text: string, env: Environment): string | null {
  return text === NEVER ? null : time(text, env);
}

/** Refuses a pause that would be over before it begins. */
function requireOrder({ at, until }: PauseValues, now: number): void {
  if (until === undefined) return;
  const beginMs = at ? Date.parse(at) : now;
  if (Date.parse(until) > beginMs) return;
  const beginText = at ? `--at ${whenText(at, now)}` : "now";
  throw usage(`--until: ${whenText(until, now)} is not later than ${beginText}`, { field: "--until" });
}

function printPaused({ out, clock }: Context, paused: Paused, pauseOptions: PauseValues): void {
  const { line, notes } = pauseWords(paused, pauseOptions, clock.now());
  if (line !== null) out.line(line);
  for (const note of notes) out.note(note);
}
