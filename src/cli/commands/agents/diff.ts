import { spawn } from "node:child_process";
import type { Context } from "../../command/context.ts";
import { command, flag } from "../../command/define.ts";
import { callDaemon, reference } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";

export const diff = command({
  name: "diff",
  summary: "what a task has changed in its git worktree",
  notes:
    "Compares with the commit at which the worktree began: committed, uncommitted and untracked changes. On a terminal it uses $GIT_PAGER, $PAGER or less.",
  args: [["<id>", "a task's id, uuid or name"]],
  options: {
    stat: flag("--stat", "only the number of changed lines of each file"),
    nameOnly: flag("--name-only", "only the names of the files"),
    noPager: flag("--no-pager", "print it as it is"),
  },
  examples: [
    ["diff 12", "all of it"],
    ["diff 12 --stat", "how much of which file"],
    ["diff 12 > fix.patch", "a patch for git apply"],
  ],
  reads: true,
  async run(context, [id = ""], { stat, nameOnly, noPager }) {
    const { out } = context;
    if (stat && nameOnly) throw usage("either --stat or --name-only, not both");
    const formatWithoutStat = nameOnly ? "names" : "patch";
    const form = stat ? "stat" : formatWithoutStat;
    const color = out.json ? false : out.isColored();
    const response = await callDaemon(context, "worktrees/diff", { id: reference(id), form, color });
    if (out.json) out.data(response);
    else if (response.diff === "") out.note(`task ${response.id} has changed nothing`);
    else if (noPager || !out.terminal || !(await showInPager(context, response.diff))) {
      await out.bytes(Buffer.from(response.diff));
    }
    return 0;
  },
});

/** Shows a text in the user's pager; returns false if it cannot be started. */
function showInPager({ env }: Context, text: string): Promise<boolean> {
  const pager = env.GIT_PAGER ?? env.PAGER ?? "less";
  if (pager === "" || pager === "cat") return Promise.resolve(false);
  return new Promise((resolve) => {
    // The variable is a command line of the user, for a shell.
    const child = spawn("/bin/sh", ["-c", pager], {
      stdio: ["pipe", "inherit", "inherit"],
      env: { LESS: "FRX", LV: "-c", ...env },
    });
    child.stdin.on("error", () => undefined);
    child.on("error", () => resolve(false));
    child.on("close", (code) => resolve(code !== 127));
    child.stdin.end(text);
  });
}
