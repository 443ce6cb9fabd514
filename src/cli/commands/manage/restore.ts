import { restoreHere } from "../../../client/local-daemon.ts";
import { command } from "../../command/define.ts";
import { callerEnvironment } from "../../input/caller-environment.ts";
import { absolutePath } from "../../input/input.ts";

/** `daemon restore`. */
export const restore = command({
  name: "restore",
  summary: "put a backup in the store's place; the old file is kept",
  notes:
    "No daemon may be running. Everything after the backup is undone. Processes of attempts that the backup does not " +
    "know are ended, and their files are set aside with the old store. Ids and event numbers continue: none is used twice.",
  args: [["<backup>", "a file, or the name of one in the home's backups/"]],
  options: {},
  examples: [
    ["daemon restore ~/.agentctl/backups/2026-05-01T18-30-00-000Z-automatic.db", "as it was at that time"],
  ],
  isLocal: true,
  async run(context, [backup = ""]) {
    const { out } = context;
    const file = backup.includes("/") ? absolutePath(context, backup) : backup;
    const restored = await restoreHere(file, callerEnvironment(context));
    if (out.json) {
      out.data({ ok: true, changed: true, ...restored });
      return 0;
    }
    const { tasks, open, replaced, endedAttempts, setAside, withoutEnvironment, pausedSchedules } = restored;
    out.line(
      `restored ${restored.backup}: ${tasks} ${tasks === 1 ? "task" : "tasks"}, ${open} of them open, as of ${restored.madeAt}`,
    );
    if (replaced) out.line(`the store that was there is ${replaced}; to restore that goes back`);
    if (setAside.length > 0)
      out.line(
        `the files of tasks that it does not know are kept as <id>.before-restore: ${setAside.join(" ")}`,
      );
    if (endedAttempts > 0)
      out.line(`the processes of ${endedAttempts} attempts that it does not know were ended`);
    if (withoutEnvironment.length > 0) {
      const ids = withoutEnvironment.join(" ");
      out.line(`held, with the environment of this shell because theirs is gone: ${ids}`);
      out.note(`agentctl release ${ids} lets them start`);
    }
    for (const name of pausedSchedules) {
      out.line(`schedule ${name} is paused, with the environment of this shell because its own is gone`);
      out.note(`agentctl schedule resume ${name} lets it submit`);
    }
    out.note("agentctl daemon start --hold looks first; any other command starts what waits");
    return 0;
  },
});
