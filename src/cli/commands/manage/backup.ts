import { defined } from "../../../core/defined.ts";
import { command } from "../../command/define.ts";
import { callDaemon } from "../../command/session.ts";
import { absolutePath } from "../../input/input.ts";

/** `daemon backup`. */
export const backup = command({
  name: "backup",
  summary: "copy the store now, while it is in use; prints where the copy is",
  notes:
    "Without a file the copy is made in the home's backups/, where it counts with the automatic ones (backup.every, backup.keep). It holds " +
    "tasks, checkpoints, steps and events; no log, artifact or environment.",
  args: [["[file]", "where the copy is to be; nothing may be there"]],
  options: {},
  examples: [
    ["daemon backup", "before something daring; agentctl daemon restore takes it back"],
    ["daemon backup /mnt/usb/tasks.db", "to another disk"],
  ],
  async run(context, [file]) {
    const { out } = context;
    const made = await callDaemon(
      context,
      "daemon/backup",
      defined({ file: file === undefined ? undefined : absolutePath(context, file) }),
    );
    if (out.json) out.data({ ok: true, changed: true, ...made });
    else out.line(made.file);
    return 0;
  },
});
