import { command } from "../../command/define.ts";
import { actor, reference, withDaemon } from "../../command/session.ts";
import { textOrStdin } from "../../input/input.ts";

export const send = command({
  name: "send",
  summary: "send a message to a task: delivered once, in order, also across a pause",
  args: [
    ["<id>", "a task's id, uuid or name"],
    ["<text>", "the message; - reads it from stdin"],
  ],
  options: {},
  examples: [
    ["send 12 'look at the second page, too'", "the task gets it when it next asks for messages"],
    ["send 12 - < notes.md", "the content of a file"],
  ],
  async run(context, [id = "", given = ""]) {
    const { out } = context;
    const text = await textOrStdin(context, given);
    const params = { id: reference(id), text, actor: actor(context) };
    const { message } = await withDaemon(context, (rpc) => rpc.call("tasks/send", params));
    if (out.json) out.data({ id: params.id, ok: true, changed: true, message });
    else out.line(`message ${message} sent to task ${id}`);
    return 0;
  },
});
