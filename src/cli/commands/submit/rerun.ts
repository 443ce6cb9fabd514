import { defined } from "../../../core/defined.ts";
import { command, value } from "../../command/define.ts";
import { integer } from "../../command/option-values.ts";
import { actor, reference, withDaemon } from "../../command/session.ts";
import { callerEnvironment } from "../../input/caller-environment.ts";

export const rerun = command({
  name: "rerun",
  summary: "submit a new task from an ended one, with the caller's environment",
  args: [["<id>", "a task's id, uuid or name"]],
  options: { from: value("--from <checkpoint>", "start at this checkpoint of the old task", integer(1)) },
  examples: [
    ["rerun 12", "the same again; prints the id of the new task"],
    ["rerun 12 --from 3", "the same, from the third checkpoint on"],
  ],
  async run(context, [id = ""], { from }) {
    const { out } = context;
    const params = {
      id: reference(id),
      env: callerEnvironment(context),
      actor: actor(context),
      ...defined({ from }),
    };
    const { task } = await withDaemon(context, (rpc) => rpc.call("tasks/rerun", params));
    if (out.json) out.data(task);
    else out.line(String(task.id));
    return 0;
  },
});
