import { defined } from "../../../core/defined.ts";
import { command } from "../../command/define.ts";
import { callDaemon } from "../../command/session.ts";
import { absolutePath } from "../../input/input.ts";

/** `daemon backup`. */
export const backup = command({
  name: "backup",
  summary: "copy the store now, while it is in use; prints where the copy is",
  notes:
    "Without a file the copy goes into the home's backups/, where it counts like an automatic one (backup.every, backup.keep). It holds " +
    "tasks, checkpoints, steps and events, but no logs, artifacts or environments.",
  args: [["[file]", "the new file; it must not exist"]],
  options: {},
  examples: [
    ["daemon backup", "before something risky; agentctl daemon restore restores it"],
    ["daemon backup /mnt/usb/tasks.db", "to another disk"],
  ],
  async run(context, [file]) {
    const { out } = context;
    const result = await callDaemon(
      context,
      "daemon/backup",
      defined({ file: file === undefined ? undefined : absolutePath(context, file) }),
    );
    if (out.json) out.data({ ok: true, changed: true, ...result });
    else out.line(result.file);
    return 0;
  },
});
