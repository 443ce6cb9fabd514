import { openStates } from "../../core/machine.ts";
import { answerEach, conclude, selectedIds } from "../answers.ts";
import { command } from "../define.ts";
import { selectionOf, selectorOptions, tasksArgument } from "../selection.ts";
import { actor, withDaemon } from "../session.ts";

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
    const by = actor(context);
    return await withDaemon(context, async (peer) => {
      const held = await selectedIds(peer, selection, openStates, ({ held }) => held);
      const answers = await answerEach(context, held, {
        act: (id) => peer.call("tasks/release", { id, actor: by }),
        say: ({ task, changed }) =>
          changed ? out.line(`task ${task.id} released`) : out.note(`task ${task.id} is not held`),
      });
      return conclude(context, selection, answers);
    });
  },
});
