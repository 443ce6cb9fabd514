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
import { callerEnvironment, callerInherited, madeRoom } from "../../input/caller-environment.ts";
import { atMark, type Edits, editOptions, editsOf } from "../../input/edit-options.ts";
import { isOne, referencesOf, type Selection, selectedTasks } from "../../input/selection.ts";
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
  marks: true,
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
  async run(context, args, { from, continue: goesOn, failed, all, ...given }) {
    const { out } = context;
    const { ids, argv } = atMark(args);
    const selection = selectionFor(ids, { failed, all, queue: given.queue, labels: given.labels });
    const edits = editsOf(context, given, argv);
    const params = paramsOf(context, edits, { from, goesOn });
    await madeRoom(context);
    return await withDaemon(context, async (rpc) => {
      if (isOne(selection) && !failed) {
        const [id = 0] = await referencesOf(rpc, ids);
        const { task } = await again(rpc, id, params);
        if (out.json) out.data(task);
        else out.line(String(task.id));
        return 0;
      }
      const olds = await inOrderOf(rpc, await chosenIds(rpc, selection, failed));
      const found = [...olds.keys()];
      const made = new Map<number | string, Promise<Result<"tasks/rerun">>>();
      const answers = await answerEach(context, found, {
        inOrder: true,
        act: async (ref) => {
          const old = olds.get(ref);
          const answer = afterThose(rpc, old, params, made).then((given) => again(rpc, ref, given));
          made.set(old?.id ?? ref, answer);
          return { ...(await answer), changed: true };
        },
        say: ({ task }) => out.line(String(task.id)),
      });
      const ofOld = answers.map((answer, at) => ({ ...answer, id: found[at] ?? answer.id }));
      return conclude(
        context,
        selection,
        ofOld,
        failed ? "no task that matches has failed" : "no task that matches has ended",
      );
    });
  },
});

type Rerun = Omit<Params<"tasks/rerun">, "id">;

async function again(rpc: RpcClient, id: number | string, params: Rerun): Promise<Result<"tasks/rerun">> {
  try {
    return await rpc.call("tasks/rerun", { id, ...params });
  } catch (error) {
    throw asTyped(error, { before: ["rerun", String(id), "--"], argv: params.argv });
  }
}

/** Returns the old tasks by reference, each after those that it came after. A missing task is reported later. */
async function inOrderOf(
  rpc: RpcClient,
  refs: readonly (number | string)[],
): Promise<Map<number | string, TaskJson | undefined>> {
  const looks = await Promise.allSettled(refs.map((id) => rpc.call("tasks/get", { id })));
  const olds = looks.map((look) => (look.status === "fulfilled" ? look.value.task : undefined));
  const byId = new Map(olds.flatMap((old, at) => (old ? [[old.id, refs[at] ?? old.id] as const] : [])));
  const named = new Map(refs.map((ref, at) => [ref, olds[at]]));
  const ordered: typeof named = new Map();
  const place = (ref: number | string) => {
    if (ordered.has(ref)) return;
    const old = named.get(ref);
    for (const { id } of old?.after ?? []) {
      const first = byId.get(id);
      if (first !== undefined) place(first);
    }
    ordered.set(ref, old);
  };
  for (const ref of refs) place(ref);
  return ordered;
}

/** Returns the parameters of a rerun. It comes after the reruns of the tasks that the old task came after. */
async function afterThose(
  rpc: RpcClient,
  old: TaskJson | undefined,
  params: Rerun,
  made: ReadonlyMap<number | string, Promise<Result<"tasks/rerun">>>,
): Promise<Rerun> {
  if (params.after !== undefined || !old?.after.some(({ id }) => made.has(id))) return params;
  const after = old.after.map(async ({ id, when }) => {
    const first = await made.get(id);
    if (first) return [{ id: first.task.id, when }];
    // An old task that had started was done waiting, and a task cannot wait for a deleted one.
    const isThere = old.startedAt === null && (await isKnown(rpc, id));
    return isThere ? [{ id, when }] : [];
  });
  return { ...params, after: (await Promise.all(after)).flat() };
}

async function isKnown(rpc: RpcClient, id: number): Promise<boolean> {
  return await rpc.call("tasks/get", { id }).then(
    () => true,
    () => false,
  );
}

type Chosen = { failed: boolean; all: boolean; queue: string | undefined; labels: [string, string][] };

/** Returns the tasks to rerun. --queue and --label change the new tasks; if no task is named, they also select. */
function selectionFor(ids: string[], { failed, all, queue, labels }: Chosen): Selection {
  if (ids.length > 0 && all) throw usage("either ids or --all, not both");
  if (ids.length > 0) return { ids: [...new Set(ids)] };
  if (!failed && !all) throw usage("which tasks? Name their ids, or --failed, or --all");
  const wanted = labels.filter(([, text]) => text !== "");
  return {
    select: {
      all: true,
      ...(queue === undefined ? {} : { queue }),
      ...(wanted.length > 0 ? { labels: Object.fromEntries(wanted) } : {}),
    },
  };
}

async function chosenIds(
  rpc: RpcClient,
  selection: Selection,
  failed: boolean,
): Promise<(number | string)[]> {
  const states = failed ? (["failed"] as const) : terminalStates;
  if ("select" in selection) return (await selectedTasks(rpc, selection.select, states)).map(({ id }) => id);
  const named = await referencesOf(rpc, selection.ids, states);
  if (!failed) return named;
  const tasks = await Promise.all(named.map((id) => rpc.call("tasks/get", { id })));
  return tasks.flatMap(({ task }) => (task.state === "failed" ? [task.id] : []));
}

function paramsOf(
  context: Context,
  { env, ...edits }: Edits,
  { from, goesOn }: { from: number | undefined; goesOn: boolean },
): Rerun {
  if (goesOn && from !== undefined) throw usage("either --from or --continue, not both");
  return {
    ...edits,
    env: { ...callerEnvironment(context), ...env },
    inherited: callerInherited(context),
    actor: actor(context),
    ...defined({ from, continue: goesOn || undefined }),
  };
}
