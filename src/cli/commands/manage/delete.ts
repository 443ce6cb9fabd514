import { AgentctlError } from "../../../core/errors.ts";
import { terminalStates } from "../../../core/machine.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, value } from "../../command/define.ts";
import { duration } from "../../command/option-values.ts";
import { actor, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { answerEach, conclude } from "../../follow/answers.ts";
import {
  referencesOf,
  type Selection,
  selectedTasks,
  selectionOf,
  selectorOptions,
  tasksArgument,
} from "../../input/selection.ts";
import { fitted } from "../../text/table.ts";
import { titleOf } from "../../text/task-text.ts";

/** The command `delete`, a word that JavaScript reserves. */
export const remove = command({
  name: "delete",
  summary: "delete ended tasks with their logs and checkpoints",
  args: [tasksArgument],
  options: {
    ...selectorOptions,
    older: value("--older <duration>", "tasks that ended longer ago than this", duration),
    force: flag("--force", "also with a git worktree that has work that exists nowhere else"),
    dryRun: flag("--dry-run", "only say what would be deleted"),
  },
  examples: [
    ["delete 12 13", "delete two ended tasks"],
    ["delete --older 7d --dry-run", "what ended more than a week ago"],
    ["delete --all", "every ended task"],
  ],
  async run(context, ids, { older, dryRun, force, ...selectors }) {
    const { out } = context;
    if (older !== undefined && ids.length > 0) throw usage("either ids, or --older, not both");
    const isOld =
      older !== undefined && Object.values(selectors).every((option) => !option || isEmpty(option));
    const selection = selectionOf(ids, isOld ? { ...selectors, all: true } : selectors);
    return await withDaemon(context, async (rpc) => {
      const targets = await selectIds(context, rpc, selection, older);
      const answers = await answerEach(context, targets, {
        inOrder: true,
        act: async (id) => {
          if (dryRun) return { task: await endedTask(rpc, id), changed: false };
          return { ...(await rpc.call("tasks/delete", { id, force, actor: actor(context) })), changed: true };
        },
        say: ({ task, changed }) => {
          const line = `task ${task.id} ${changed ? "deleted" : "would be deleted"}: ${titleOf(task)}`;
          out.line(fitted(line, out.columns ?? Number.POSITIVE_INFINITY));
        },
      });
      return conclude(context, selection, answers);
    });
  },
});

function isEmpty(option: unknown): boolean {
  return Array.isArray(option) && option.length === 0;
}

async function selectIds(
  { clock }: Context,
  rpc: RpcClient,
  selection: Selection,
  olderMs: number | undefined,
) {
  if ("ids" in selection) return await referencesOf(rpc, selection.ids, terminalStates);
  const tasks = await selectedTasks(rpc, selection.select, terminalStates);
  const cutoff = clock.now() - (olderMs ?? 0);
  const isOld = ({ endedAt }: TaskJson) => olderMs === undefined || Date.parse(endedAt ?? "") < cutoff;
  return tasks.filter(isOld).map(({ id }) => id);
}

async function endedTask(rpc: RpcClient, id: number | string): Promise<TaskJson> {
  const { task } = await rpc.call("tasks/get", { id });
  if (terminalStates.includes(task.state)) return task;
  const { id: taskId, state } = task;
  const reason = `task ${taskId} is ${state}: only ended tasks can be deleted`;
  const hint = `agentctl cancel ${taskId}`;
  throw new AgentctlError("UnsupportedOperation", {
    id: taskId,
    state,
    allowed: terminalStates,
    reason,
    hint,
  });
}
