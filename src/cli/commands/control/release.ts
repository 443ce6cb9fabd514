import { openStates } from "../../../core/machine.ts";
import { command } from "../../command/define.ts";
import { actor, withDaemon } from "../../command/session.ts";
import { answerEach, conclude, selectedIds } from "../../follow/answers.ts";
import { selectionOf, selectorOptions, tasksArgument } from "../../input/selection.ts";

export const release = command({
  name: "release",
  summary: "let held tasks go",
  args: [tasksArgument],
  options: selectorOptions,
  examples: [
    ["release 12", "task 12 may be started again"],
    ["release --all", "every held task; a held queue needs agentctl queue release"],
  ],
  async run(context, ids, options) {
    const { out } = context;
    const selection = selectionOf(ids, options);
    const caller = actor(context);
    return await withDaemon(context, async (rpc) => {
      const held = await selectedIds(rpc, selection, openStates, ({ held }) => held);
      const answers = await answerEach(context, held, {
        inOrder: true,
        act: (id) => rpc.call("tasks/release", { id, actor: caller }),
        say: ({ task, changed }) =>
          changed ? out.line(`task ${task.id} released`) : out.note(`task ${task.id} is not held`),
      });
      return conclude(context, selection, answers);
    });
  },
});
