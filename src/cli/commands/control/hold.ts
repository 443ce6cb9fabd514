import { openStates } from "../../../core/machine.ts";
import { command } from "../../command/define.ts";
import { actor, withDaemon } from "../../command/session.ts";
import { answerEach, conclude, selectedIds } from "../../follow/answers.ts";
import { selectionOf, selectorOptions, tasksArgument } from "../../input/selection.ts";

const holdableStates = openStates.filter((state) => state !== "working");

export const hold = command({
  name: "hold",
  summary: "keep tasks that are not running from being started",
  args: [tasksArgument],
  options: selectorOptions,
  examples: [
    ["hold 12", "task 12 stays queued, and is not started until it is released"],
    ["hold --label project=tea", "every task of the project that is not running"],
  ],
  async run(context, ids, options) {
    const { out } = context;
    const selection = selectionOf(ids, options);
    const caller = actor(context);
    return await withDaemon(context, async (rpc) => {
      const targets = await selectedIds(rpc, selection, holdableStates, ({ held }) => !held);
      const answers = await answerEach(context, targets, {
        inOrder: true,
        act: (id) => rpc.call("tasks/hold", { id, actor: caller }),
        say: ({ task, changed }) =>
          changed ? out.line(`task ${task.id} held`) : out.note(`task ${task.id} is held already`),
      });
      return conclude(context, selection, answers);
    });
  },
});
