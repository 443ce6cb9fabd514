import { command, flag, type Group, value } from "../../command/define.ts";
import { callDaemon, reference } from "../../command/session.ts";
import { changesText } from "../../text/agent-text.ts";
import { tableLines } from "../../text/table.ts";
import { oneLine } from "../../text/terminal-text.ts";

const idArgument = ["<id>", "a task's id, uuid or name"] as const;

const list = command({
  name: "list",
  summary: "the git worktrees of tasks, and what is new in each",
  args: [],
  options: {},
  examples: [["worktree list", "branches, changes, and where they are"]],
  reads: true,
  async run(context) {
    const { out } = context;
    const { worktrees } = await callDaemon(context, "worktrees/list", {});
    if (out.json) out.data(worktrees);
    else if (worktrees.length === 0)
      out.note("no task has a worktree", 'agentctl run --agent claude --worktree "<prompt>"');
    else {
      const heads = [
        { title: "ID", isRight: true },
        { title: "STATE" },
        { title: "BRANCH", minWidth: 20, isCutLast: true },
        { title: "CHANGES", minWidth: 12, isCutLast: true, dropOrder: 1 },
        { title: "PATH", minWidth: 36, dropOrder: 2 },
      ];
      const rows = worktrees.map(({ id, state, branch, changes, path }) => [
        String(id),
        state,
        oneLine(branch),
        changes ? changesText(changes) : "-",
        oneLine(path),
      ]);
      for (const line of tableLines(heads, rows, out.columns)) out.line(line);
    }
    return 0;
  },
});

const merge = command({
  name: "merge",
  summary: "merge a task's branch into the one from which its worktree was made",
  notes:
    "Refused, with nothing changed, on a conflict, if the target has uncommitted changes, and while the task is running.",
  args: [idArgument],
  options: {
    commit: value("-m, --commit <message>", "first commit uncommitted work with this message"),
  },
  examples: [
    ["worktree merge 12", "what the agent has committed"],
    ['worktree merge 12 --commit "Make the tests pass"', "also what it has not"],
  ],
  async run(context, [id = ""], { commit }) {
    const { out } = context;
    const params = { id: reference(id), ...(commit === undefined ? {} : { commit }) };
    const response = await callDaemon(context, "worktrees/merge", params);
    const { task, into, changed } = response;
    if (out.json) out.data(response);
    else if (changed) out.line(`task ${task.id} merged into ${into}: ${response.commit.slice(0, 12)}`);
    else out.note(`${into} has all commits of task ${task.id} already`);
    return 0;
  },
});

const remove = command({
  name: "remove",
  summary: "remove the worktree of an ended task, and its branch if that is merged",
  notes:
    "Refused while it has work that exists nowhere else: changed or untracked files, or commits of its own.",
  args: [idArgument],
  options: { force: flag("--force", "discard work that exists nowhere else") },
  examples: [["worktree remove 12", "the task and its log stay"]],
  async run(context, [id = ""], { force }) {
    const { out } = context;
    const response = await callDaemon(context, "worktrees/remove", { id: reference(id), force });
    const { task, branch, tip } = response;
    if (out.json) out.data(response);
    else {
      const formerTip = tip === null ? "" : `, which was at ${tip.slice(0, 12)}`;
      const name = oneLine(task.worktree?.branch ?? "");
      out.line(
        `worktree of task ${task.id} removed; branch ${name} ${branch}${branch === "deleted" ? formerTip : ""}`,
      );
    }
    return 0;
  },
});

export const worktree: Group = {
  name: "worktree",
  summary: "git worktrees of tasks: list, merge, remove",
  commands: [list, merge, remove],
};
