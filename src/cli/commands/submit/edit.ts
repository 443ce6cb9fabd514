import { openStates } from "../../../core/machine.ts";
import { command, flag, values } from "../../command/define.ts";
import { state } from "../../command/option-values.ts";
import { actor, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { answerEach, conclude, selectedIds } from "../../follow/answers.ts";
import { editOptions, editsOf, splitAtMark } from "../../input/edit-options.ts";
import { selectionOf } from "../../input/selection.ts";
import { asTyped } from "../../input/submission.ts";

export const edit = command({
  name: "edit",
  summary: "change what open tasks were submitted with",
  notes:
    "Queue and slots can change while a task is not working; --after, --at and --delay while it waits to start; " +
    "--cwd, --env and the program before its first start. Each edit is an event with the old and the new values.",
  args: [["[tasks...]", "ids (3, 3-7, 3,5,9), uuids, names or patterns of names; -- before a program"]],
  takesMarkedProgram: true,
  options: {
    ...editOptions,
    all: flag("-a, --all", "every open task"),
    states: values("--state <state>", "open tasks in this state (repeatable: any of them)", state),
  },
  examples: [
    ["edit 12 --priority 5 --label urgent=yes", "start it before others, and say so"],
    ["edit 'build-*' --queue nightly", "move the open tasks of these names to another queue"],
    ["edit 12 -- make test", "another program, while it was never started"],
  ],
  async run(context, args, { all, states, ...editValues }) {
    const { out } = context;
    const { ids, argv } = splitAtMark(args);
    if (ids.length === 0 && !all && states.length === 0)
      throw usage(
        "which tasks? Name their ids, or --all or --state; --queue and --label are new values here",
      );
    const selection = selectionOf(ids, { all, states, queue: undefined, labels: [] });
    const edits = editsOf(context, editValues, argv);
    if (Object.keys(edits).length === 0) throw usage("what is to change?", { hint: "agentctl edit --help" });
    const params = { ...edits, actor: actor(context) };
    return await withDaemon(context, async (rpc) => {
      const targets = await selectedIds(rpc, selection, openStates);
      const answers = await answerEach(context, targets, {
        inOrder: true,
        act: (id) =>
          rpc.call("tasks/edit", { id, ...params }).catch((error: unknown) => {
            throw asTyped(error, { before: ["edit", String(id), "--"], argv });
          }),
        say: ({ task, changed }) =>
          changed ? out.line(`task ${task.id} edited`) : out.note(`task ${task.id} is like that already`),
      });
      return conclude(context, selection, answers, "no task that matches is open");
    });
  },
});
