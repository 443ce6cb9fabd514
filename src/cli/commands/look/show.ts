import { command } from "../../command/define.ts";
import { callDaemon, reference } from "../../command/session.ts";
import { taskReport } from "../../text/task-report.ts";

export const show = command({
  name: "show",
  summary: "why a task waits, what to do, and all that is known of it",
  args: [["<id>", "a task's id, uuid or name"]],
  options: {},
  examples: [
    ["show 12", "its state, why it waits, its attempts, pauses, checkpoints, steps and events"],
    ["show nightly --json", "the same for a script"],
  ],
  reads: true,
  async run(context, [id = ""]) {
    const { out, clock } = context;
    const params = { id: reference(id), details: true };
    const { task } = await callDaemon(context, "tasks/get", params);
    if (out.json) out.data(task);
    else for (const line of taskReport(task, clock.now(), await out.paint())) out.line(line);
    return 0;
  },
});
