import type { AgentctlError } from "../../../core/errors.ts";
import { openStates } from "../../../core/machine.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, type ValuesOf, value, values } from "../../command/define.ts";
import { duration, state } from "../../command/option-values.ts";
import { withDaemon } from "../../command/session.ts";
import { type Answer, answerEach, conclude, refused, selectedIds } from "../../follow/answers.ts";
import { type Attended, attend, OWN_FAILURE } from "../../follow/attend.ts";
import { Interrupt, leaveAtSecond } from "../../follow/interrupt.ts";
import {
  type Selection,
  selectionOf,
  selectorOptions,
  submittedSince,
  tasksArgument,
} from "../../input/selection.ts";
import { printFailure } from "../../text/failure.ts";
import { exitCodeOf, hasEnded } from "../../text/task-result.ts";
import { endLines } from "../../text/task-text.ts";

const options = {
  ...selectorOptions,
  all: flag("-a, --all", "every open task, also those that are submitted meanwhile"),
  timeout: value(
    "--timeout <duration>",
    "wait no longer than this; exit code 124, the tasks go on",
    duration,
  ),
  any: flag("--any", "end with the first that has ended, print its id and end with its exit code"),
  bell: flag("--bell", "ring the terminal's bell at the end"),
  failFast: flag("--fail-fast", "end at the first that did not complete, and print its id"),
  until: values("--until <state>", "until they are in this state (repeatable), or have ended", state),
  cancelOnExit: flag("--cancel-on-exit", "Ctrl-C, TERM and HUP cancel those that have not ended"),
  exitOnPause: flag("--exit-on-pause", "end with 75 when one is paused or asks"),
};

type WaitValues = ValuesOf<typeof options>;

export const wait = command({
  name: "wait",
  summary: "wait until tasks have ended; with one id the exit code is the task's own",
  notes:
    "A pause or a question is not an end; it is reported on stderr. Exit code 1 if one of several did not complete, 130 for a canceled one, 125 for a failure of agentctl itself.",
  args: [tasksArgument],
  options,
  examples: [
    ["wait 12", "ends with the exit code of task 12"],
    ["wait --label project=tea --timeout 2h", "the open tasks of a project, for at most two hours"],
    ["wait 12 13 14 --fail-fast", "until all have completed, or one has not"],
    ["wait --all --cancel-on-exit", "in a CI job: open tasks end with the job"],
    ["wait 12 13 14 --any", "the first that ends"],
    ["wait 12 --until suspended --until input-required", "until a person is needed"],
  ],
  reads: true,
  async run(context, ids, given) {
    const selection = selectionOf(ids, given);
    const interrupt = given.cancelOnExit ? new Interrupt(leaveAtSecond) : undefined;
    const since = context.clock.now();
    try {
      const answers = await withDaemon(context, (rpc) => found(context, rpc, selection));
      return await waitFor(context, { selection, given, interrupt, since }, answers);
    } finally {
      interrupt?.end();
      if (given.bell) context.out.ring();
    }
  },
});

/** What one call waits for, and when it began. */
interface Wait {
  selection: Selection;
  given: WaitValues;
  interrupt: Interrupt | undefined;
  since: number;
}

async function waitFor(context: Context, wait: Wait, answers: Answer[]): Promise<number> {
  const { selection, given, interrupt, since } = wait;
  const waited = answers.flatMap((answer) => (answer.task ? [answer.task.id] : []));
  const isLost = given.failFast && waited.length < answers.length;
  if (waited.length === 0 || isLost) return conclude(context, selection, answers);
  const attended = await attend(context, {
    ids: [...new Set(waited)],
    isOver: (task) => isOver(task, given),
    isEnough: (task) => given.any || (given.failFast && !isDone(task, given)),
    exitOnPause: given.exitOnPause,
    cancelOnExit: given.cancelOnExit,
    comeBack: waited.length > 10 ? "agentctl list" : `agentctl wait ${waited.join(" ")}`,
    interrupt,
    ...("select" in selection && given.all && !given.any
      ? { more: submittedSince(since, selection.select, new Set(waited)) }
      : {}),
    ...(given.timeout === undefined
      ? {}
      : { timeoutMs: Math.max(0, since + given.timeout - context.clock.now()) }),
  });
  if (attended.left === OWN_FAILURE) return OWN_FAILURE;
  const known = new Set(waited);
  const joined = [...attended.seen].flatMap(([id, task]) =>
    known.has(id) || !("state" in task) ? [] : [{ id, ok: true, changed: false, task, exitCode: 0 }],
  );
  return await ended(context, selection, [...answers, ...joined], attended, given);
}

/** Returns the tasks as they are at the start. A missing task is reported, and we still wait for the others. */
async function found(context: Context, rpc: RpcClient, selection: Selection): Promise<Answer[]> {
  const ids = await selectedIds(rpc, selection, openStates);
  return await answerEach(context, ids, {
    act: async (id) => ({ ...(await rpc.call("tasks/get", { id })), changed: false }),
    say: () => undefined,
  });
}

function isDone(task: TaskJson | AgentctlError, { until }: WaitValues): boolean {
  if (!("state" in task)) return false;
  return until.length > 0 ? until.includes(task.state) : task.state === "completed";
}

async function ended(
  context: Context,
  selection: Selection,
  before: readonly Answer[],
  { seen, left }: Attended,
  given: WaitValues,
): Promise<number> {
  const { out } = context;
  const all = answersSeen(before, seen, given);
  const first =
    given.any && left === undefined ? all.find(({ task }) => task && isOver(task, given)) : undefined;
  if (first) return endedFirst(context, first);
  const answers = all;
  // A missing task was reported at the start.
  const news = answers.filter((answer) => !before.includes(answer));
  if (!out.json) await say(context, news, answers.length > 1);
  const firstBad = answers.find(({ ok, task }) => !ok && (!task || hasEnded(task)));
  if (given.failFast && firstBad && !out.json) out.line(String(firstBad.id));
  const code = await conclude(context, selection, answers);
  return left ?? code;
}

function answersSeen(before: readonly Answer[], seen: Attended["seen"], given: WaitValues): Answer[] {
  return before.map((answer) => {
    const last = answer.task && seen.get(answer.task.id);
    return last ? answerFor(last, answer.id, given) : answer;
  });
}

function isOver(task: TaskJson, { until }: WaitValues): boolean {
  return hasEnded(task) || until.includes(task.state);
}

function endedFirst({ out }: Context, { id, ok, changed, task, exitCode }: Answer): number {
  if (out.json) out.data({ id, ok, changed, task });
  else {
    if (task) for (const line of endLines([task])) out.note(line);
    out.line(String(id));
  }
  return exitCode;
}

function answerFor(last: TaskJson | AgentctlError, id: number | string, given: WaitValues): Answer {
  if (!("state" in last)) return refused(id, last);
  const ok = isDone(last, given);
  return { id: last.id, ok, changed: false, task: last, exitCode: ok ? 0 : exitCodeOf(last) || 1 };
}

async function say({ out }: Context, news: readonly Answer[], isOneOfMany: boolean): Promise<void> {
  for (const { error } of news) if (error) await printFailure(error, out);
  const ended = news.flatMap(({ ok, task }) => {
    if (!task || (ok && !isOneOfMany) || !(ok || hasEnded(task))) return [];
    return [task];
  });
  for (const line of endLines(ended)) out.note(line);
}
