import { defined } from "../../../core/defined.ts";
import { openStates } from "../../../core/machine.ts";
import { command, value } from "../../command/define.ts";
import { duration } from "../../command/option-values.ts";
import { actor, withDaemon } from "../../command/session.ts";
import { answerEach, conclude, selectedIds } from "../../follow/answers.ts";
import { selectionOf, selectorOptions, tasksArgument } from "../../input/selection.ts";

export const cancel = command({
  name: "cancel",
  summary: "end tasks for good: TERM, after the grace time KILL, to all of their processes",
  notes:
    "Returns when none of their processes is left. A module that blocks its event loop is killed within a second.",
  args: [tasksArgument],
  options: {
    ...selectorOptions,
    grace: value("--grace <duration>", "time between TERM and KILL (10s)", duration),
    reason: value("--reason <text>", "why; is recorded"),
  },
  examples: [
    ["cancel 12", "end task 12"],
    ["cancel --queue nightly --reason 'wrong data'", "end every open task of a queue"],
  ],
  async run(context, ids, { grace, reason, ...selectors }) {
    const { out } = context;
    const selection = selectionOf(ids, selectors);
    const params = {
      actor: actor(context),
      ...defined({ graceMs: grace, reason }),
    };
    return await withDaemon(context, async (rpc) => {
      const targets = await selectedIds(rpc, selection, openStates);
      const answers = await answerEach(context, targets, {
        act: (id) => rpc.call("tasks/cancel", { id, ...params }),
        say: ({ task, changed }) =>
          changed ? out.line(`task ${task.id} canceled`) : out.note(`task ${task.id} is canceled already`),
      });
      return conclude(context, selection, answers);
    });
  },
});
