import { defined } from "../../../core/defined.ts";
import { command, flag } from "../../command/define.ts";
import { actor, reference, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { textOrStdin } from "../../input/input.ts";

export const send = command({
  name: "send",
  summary: "send a message to a task: delivered once, in order, also across a pause",
  notes:
    "A program that was submitted with --stdin pipe reads the text and a newline from its stdin. A task module, or a program on the socket, asks for its messages.",
  args: [
    ["<id>", "a task's id, uuid or name"],
    ["[text]", "the message; - reads it from stdin; optional with --eof"],
  ],
  options: {
    noNewline: flag("--no-newline", "write the text to the program's stdin without a newline behind it"),
    eof: flag("--eof", "end the program's stdin, behind the text if there is one"),
  },
  examples: [
    ["send 12 'look at the second page, too'", "the task gets it when it next asks for messages"],
    ["send 12 - < notes.md", "the content of a file"],
    ["send 12 --eof", "the program meets the end of its stdin"],
  ],
  async run(context, [id = "", operand], { noNewline, eof }) {
    const { out } = context;
    if (operand === undefined && !eof) throw usage("what is to be sent? Give a text, - for stdin, or --eof");
    const text = operand === undefined ? undefined : await textOrStdin(context, operand);
    const params = {
      id: reference(id),
      ...defined({ text }),
      ...(noNewline ? { newline: false } : {}),
      ...(eof ? { eof } : {}),
      actor: actor(context),
    };
    const { message } = await withDaemon(context, (rpc) => rpc.call("tasks/send", params));
    if (out.json) out.data({ id: params.id, ok: true, changed: true, message });
    else if (text === undefined) out.line(`end of stdin sent to task ${id}`);
    else out.line(`message ${message} sent to task ${id}`);
    return 0;
  },
});
