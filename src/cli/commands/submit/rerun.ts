import { defined } from "../../../core/defined.ts";
import { terminalStates } from "../../../core/machine.ts";
import type { Params, Result, TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, value } from "../../command/define.ts";
import { integer } from "../../command/option-values.ts";
import { actor, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { answerEach, conclude } from "../../follow/answers.ts";
import { callerEnvironment, callerInherited, ensureHandOver } from "../../input/caller-environment.ts";
import { type Edits, editOptions, editsOf, splitAtMark } from "../../input/edit-options.ts";
import { isSingleTask, referencesOf, type Selection, selectedTasks } from "../../input/selection.ts";
import { asTyped } from "../../input/submission.ts";

export const rerun = command({
  name: "rerun",
  summary: "submit new tasks from ended ones, with the caller's environment",
  notes:
    "Options change what the new task is submitted with; with --failed or --all, and no tasks named, --queue and --label " +
    "choose the old ones. With --from it starts at that checkpoint of the old task. With --continue it goes on where the old task " +
    "stopped: at its last checkpoint, with the results of its steps. Both copy its folder. Dependencies between tasks " +
    "that are rerun together are kept; a task that never started waits for what the old one waited for.",
  args: [["[tasks...]", "ids (3, 3-7, 3,5,9), uuids, names or patterns of names; -- before a program"]],
  takesMarkedProgram: true,
  options: {
    from: value("--from <checkpoint>", "start at this checkpoint of the old task", integer(1)),
    continue: flag("--continue", "go on where the old task stopped, with the results of its steps"),
    failed: flag("--failed", "only those that failed; without tasks every failed one"),
    all: flag("-a, --all", "every ended task"),
    ...editOptions,
  },
  examples: [
    ["rerun 12", "the same again; prints the id of the new task"],
    ["rerun 12 --from 3", "the same, from the third checkpoint on"],
    ["rerun 12 --continue", "after a failure late in a long task: no step runs again"],
    ["rerun --failed --queue nightly", "every failed task of a queue"],
    ["rerun 12 --priority 5 -- make test", "with another priority and program"],
  ],
  async run(context, args, { from, continue: shouldContinue, failed, all, ...editValues }) {
    const { out } = context;
    const { ids, argv } = splitAtMark(args);
    const selection = selectionFor(ids, { failed, all, queue: editValues.queue, labels: editValues.labels });
    const edits = editsOf(context, editValues, argv);
    const params = paramsOf(context, edits, { from, shouldContinue });
    await ensureHandOver(context);
    return await withDaemon(context, async (rpc) => {
      if (isSingleTask(selection) && !failed) {
        const [id = 0] = await referencesOf(rpc, ids);
        const { task } = await submitRerun(rpc, id, params);
        if (out.json) out.data(task);
        else out.line(String(task.id));
        return 0;
      }
      const oldTasks = await orderedTasks(rpc, await selectIds(rpc, selection, failed));
      const references = [...oldTasks.keys()];
      const reruns = new Map<number | string, Promise<Result<"tasks/rerun">>>();
      const answers = await answerEach(context, references, {
        inOrder: true,
        act: async (ref) => {
          const old = oldTasks.get(ref);
          const answer = withDependencies(rpc, old, params, reruns).then((rerunParams) =>
            submitRerun(rpc, ref, rerunParams),
          );
          reruns.set(old?.id ?? ref, answer);
          return { ...(await answer), changed: true };
        },
        say: ({ task }) => out.line(String(task.id)),
      });
      const answersForOld = answers.map((answer, index) => ({
        ...answer,
        id: references[index] ?? answer.id,
      }));
      return conclude(
        context,
        selection,
        answersForOld,
        failed ? "no task that matches has failed" : "no task that matches has ended",
      );
    });
  },
});

type RerunParams = Omit<Params<"tasks/rerun">, "id">;

async function submitRerun(
  rpc: RpcClient,
  id: number | string,
  params: RerunParams,
): Promise<Result<"tasks/rerun">> {
  try {
    return await rpc.call("tasks/rerun", { id, ...params });
  } catch (error) {
    throw asTyped(error, { before: ["rerun", String(id), "--"], argv: params.argv });
  }
}

/** Returns the old tasks by reference, each after those that it came after. A missing task is reported later. */
async function orderedTasks(
  rpc: RpcClient,
  refs: readonly (number | string)[],
): Promise<Map<number | string, TaskJson | undefined>> {
  const results = await Promise.allSettled(refs.map((id) => rpc.call("tasks/get", { id })));
  const oldTasks = results.map((result) => (result.status === "fulfilled" ? result.value.task : undefined));
  const refsById = new Map(
    oldTasks.flatMap((old, index) => (old ? [[old.id, refs[index] ?? old.id] as const] : [])),
  );
  const tasksByRef = new Map(refs.map((ref, index) => [ref, oldTasks[index]]));
  const ordered: typeof tasksByRef = new Map();
  const visit = (ref: number | string) => {
    if (ordered.has(ref)) return;
    const old = tasksByRef.get(ref);
    for (const { id } of old?.after ?? []) {
      const dependency = refsById.get(id);
      if (dependency !== undefined) visit(dependency);
    }
    ordered.set(ref, old);
  };
  for (const ref of refs) visit(ref);
  return ordered;
}

/** Returns the parameters of a rerun. It comes after the reruns of the tasks that the old task came after. */
async function withDependencies(
  rpc: RpcClient,
  old: TaskJson | undefined,
  params: RerunParams,
  reruns: ReadonlyMap<number | string, Promise<Result<"tasks/rerun">>>,
): Promise<RerunParams> {
  if (params.after !== undefined || !old?.after.some(({ id }) => reruns.has(id))) return params;
  const after = old.after.map(async ({ id, when }) => {
    const dependency = await reruns.get(id);
    if (dependency) return [{ id: dependency.task.id, when }];
    // An old task that had started was done waiting, and a task cannot wait for a deleted one.
    const isPending = old.startedAt === null && (await isKnown(rpc, id));
    return isPending ? [{ id, when }] : [];
  });
  return { ...params, after: (await Promise.all(after)).flat() };
}

async function isKnown(rpc: RpcClient, id: number): Promise<boolean> {
  return await rpc.call("tasks/get", { id }).then(
    () => true,
    () => false,
  );
}

type RerunSelector = { failed: boolean; all: boolean; queue: string | undefined; labels: [string, string][] };

/** Returns the tasks to rerun. --queue and --label change the new tasks; if no task is named, they also select. */
function selectionFor(ids: string[], { failed, all, queue, labels }: RerunSelector): Selection {
  if (ids.length > 0 && all) throw usage("either ids or --all, not both");
  if (ids.length > 0) return { ids: [...new Set(ids)] };
  if (!failed && !all) throw usage("which tasks? Name their ids, or --failed, or --all");
  const selectedLabels = labels.filter(([, text]) => text !== "");
  return {
    select: {
      all: true,
      ...(queue === undefined ? {} : { queue }),
      ...(selectedLabels.length > 0 ? { labels: Object.fromEntries(selectedLabels) } : {}),
    },
  };
}

async function selectIds(
  rpc: RpcClient,
  selection: Selection,
  failed: boolean,
): Promise<(number | string)[]> {
  const states = failed ? (["failed"] as const) : terminalStates;
  if ("select" in selection) return (await selectedTasks(rpc, selection.select, states)).map(({ id }) => id);
  const references = await referencesOf(rpc, selection.ids, states);
  if (!failed) return references;
  const tasks = await Promise.all(references.map((id) => rpc.call("tasks/get", { id })));
  return tasks.flatMap(({ task }) => (task.state === "failed" ? [task.id] : []));
}

function paramsOf(
  context: Context,
  { env, ...edits }: Edits,
  { from, shouldContinue }: { from: number | undefined; shouldContinue: boolean },
): RerunParams {
  if (shouldContinue && from !== undefined) throw usage("either --from or --continue, not both");
  return {
    ...edits,
    env: { ...callerEnvironment(context), ...env },
    inherited: callerInherited(context),
    actor: actor(context),
    ...defined({ from, continue: shouldContinue || undefined }),
  };
}
