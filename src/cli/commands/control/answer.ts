import { command } from "../../command/define.ts";
import { actor, reference, withDaemon } from "../../command/session.ts";
import { textOrStdin } from "../../input/input.ts";

export const answer = command({
  name: "answer",
  summary: "answer the question of a task",
  args: [
    ["<id>", "a task's id, uuid or name"],
    ["<text>", "the answer; - reads it from stdin"],
  ],
  options: {},
  examples: [
    ["answer 12 yes", "the task goes on as soon as there is a slot"],
    ["answer 12 - < notes.md", "the content of a file"],
  ],
  async run(context, [id = "", operand = ""]) {
    const { out } = context;
    const text = await textOrStdin(context, operand);
    const params = { id: reference(id), text, actor: actor(context) };
    const { task, changed } = await withDaemon(context, (rpc) => rpc.call("tasks/answer", params));
    if (out.json) out.data({ id: task.id, ok: true, changed, task });
    else out.line(`task ${task.id} answered`);
    return 0;
  },
});
