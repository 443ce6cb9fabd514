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
  async run(context, ids, waitOptions) {
    const selection = selectionOf(ids, waitOptions);
    const interrupt = waitOptions.cancelOnExit ? new Interrupt(leaveAtSecond) : undefined;
    const since = context.clock.now();
    try {
      const answers = await withDaemon(context, (rpc) => fetchSelected(context, rpc, selection));
      return await waitFor(context, { selection, waitOptions, interrupt, since }, answers);
    } finally {
      interrupt?.end();
      if (waitOptions.bell) context.out.ring();
    }
  },
});

/** What one call waits for, and when it began. */
interface Wait {
  selection: Selection;
  waitOptions: WaitValues;
  interrupt: Interrupt | undefined;
  since: number;
}

async function waitFor(context: Context, wait: Wait, answers: Answer[]): Promise<number> {
  const { selection, waitOptions, interrupt, since } = wait;
  const waitedIds = answers.flatMap((answer) => (answer.task ? [answer.task.id] : []));
  const hasFailedFast = waitOptions.failFast && waitedIds.length < answers.length;
  if (waitedIds.length === 0 || hasFailedFast) return conclude(context, selection, answers);
  const outcome = await attend(context, {
    ids: [...new Set(waitedIds)],
    isDone: (task) => isFinished(task, waitOptions),
    isEnough: (task) => waitOptions.any || (waitOptions.failFast && !isDone(task, waitOptions)),
    exitOnPause: waitOptions.exitOnPause,
    cancelOnExit: waitOptions.cancelOnExit,
    comeBack: waitedIds.length > 10 ? "agentctl list" : `agentctl wait ${waitedIds.join(" ")}`,
    interrupt,
    ...("select" in selection && waitOptions.all && !waitOptions.any
      ? { more: submittedSince(since, selection.select, new Set(waitedIds)) }
      : {}),
    ...(waitOptions.timeout === undefined
      ? {}
      : { timeoutMs: Math.max(0, since + waitOptions.timeout - context.clock.now()) }),
  });
  if (outcome.exitCode === OWN_FAILURE) return OWN_FAILURE;
  const initialIds = new Set(waitedIds);
  const laterAnswers = [...outcome.seen].flatMap(([id, task]) =>
    initialIds.has(id) || !("state" in task) ? [] : [{ id, ok: true, changed: false, task, exitCode: 0 }],
  );
  return await concludeWait(context, selection, [...answers, ...laterAnswers], outcome, waitOptions);
}

/** Returns the tasks as they are at the start. A missing task is reported, and we still wait for the others. */
async function fetchSelected(context: Context, rpc: RpcClient, selection: Selection): Promise<Answer[]> {
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

async function concludeWait(
  context: Context,
  selection: Selection,
  before: readonly Answer[],
  { seen, exitCode: earlyExitCode }: Attended,
  waitOptions: WaitValues,
): Promise<number> {
  const { out } = context;
  const latest = latestAnswers(before, seen, waitOptions);
  const firstEnded =
    waitOptions.any && earlyExitCode === undefined
      ? latest.find(({ task }) => task && isFinished(task, waitOptions))
      : undefined;
  if (firstEnded) return reportFirstEnded(context, firstEnded);
  const answers = latest;
  // A missing task was reported at the start.
  const newAnswers = answers.filter((answer) => !before.includes(answer));
  if (!out.json) await printNewAnswers(context, newAnswers, answers.length > 1);
  const firstFailure = answers.find(({ ok, task }) => !ok && (!task || hasEnded(task)));
  if (waitOptions.failFast && firstFailure && !out.json) out.line(String(firstFailure.id));
  const answersExitCode = await conclude(context, selection, answers);
  return earlyExitCode ?? answersExitCode;
}

function latestAnswers(before: readonly Answer[], seen: Attended["seen"], waitOptions: WaitValues): Answer[] {
  return before.map((answer) => {
    const lastSeen = answer.task && seen.get(answer.task.id);
    return lastSeen ? answerFor(lastSeen, answer.id, waitOptions) : answer;
  });
}

function isFinished(task: TaskJson, { until }: WaitValues): boolean {
  return hasEnded(task) || until.includes(task.state);
}

function reportFirstEnded({ out }: Context, { id, ok, changed, task, exitCode }: Answer): number {
  if (out.json) out.data({ id, ok, changed, task });
  else {
    if (task) for (const line of endLines([task])) out.note(line);
    out.line(String(id));
  }
  return exitCode;
}

function answerFor(lastSeen: TaskJson | AgentctlError, id: number | string, waitOptions: WaitValues): Answer {
  if (!("state" in lastSeen)) return refused(id, lastSeen);
  const ok = isDone(lastSeen, waitOptions);
  return {
    id: lastSeen.id,
    ok,
    changed: false,
    task: lastSeen,
    exitCode: ok ? 0 : exitCodeOf(lastSeen) || 1,
  };
}

async function printNewAnswers(
  { out }: Context,
  newAnswers: readonly Answer[],
  isOneOfMany: boolean,
): Promise<void> {
  for (const { error } of newAnswers) if (error) await printFailure(error, out);
  const endedTasks = newAnswers.flatMap(({ ok, task }) => {
    if (!task || (ok && !isOneOfMany) || !(ok || hasEnded(task))) return [];
    return [task];
  });
  for (const line of endLines(endedTasks)) out.note(line);
}
