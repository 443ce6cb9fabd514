import { AgentctlError } from "../../../core/errors.ts";
import type { TaskJson } from "../../../protocol/methods.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, value } from "../../command/define.ts";
import { reference, withDaemon } from "../../command/session.ts";
import { usage } from "../../command/usage.ts";
import { Journey, type PendingMove, pendingMove } from "./journey.ts";
import { isMachineHere, moveInCluster, resolvePlace } from "./move-in-cluster.ts";
import { envOptions } from "./task.ts";

export const move = command({
  name: "move",
  summary: "move a task to another home, where it continues; or to another machine of the cluster",
  notes:
    "A running task is paused at a checkpoint first, and continues there; a task that you had paused stays suspended, unless --resume is given. " +
    "Run the command again to finish an interrupted move: the task is never in both homes, and never in none.",
  args: [["<id>", "a task's id, uuid or name"]],
  options: {
    to: value(
      "--to <place>",
      "ssh://[user@]box[:port][/path/of/home], unix:///a/socket, a context, or a machine of the cluster",
    ),
    resume: flag("--resume", "continue it there, even if you had paused it"),
    abort: flag("--abort", "take back an interrupted move; if the task has already arrived, finish the move"),
    cwd: value("--cwd <directory>", "where it runs there, if not in the same directory"),
    module: value("--module <file>", "its module, if that has another path there"),
    ...envOptions,
  },
  examples: [
    ["move 12 --to ssh://box", "its steps so far are not run again"],
    ["move 12 --to box3", "in a cluster: it is paused, and goes on there"],
    ["move 12 --abort", "the task stays here"],
  ],
  async run(context, [id = ""], options) {
    return await withDaemon(context, async (source) => {
      const { task } = await source.call("tasks/get", { id: reference(id) });
      const pending = pendingMove(task);
      if (options.abort && !pending) throw usage(`task ${task.id} is not on its way`);
      const to = options.to ?? pending?.to;
      if (to === undefined) throw usage("--to is missing: the place to which it is moved", { field: "--to" });
      if (pending && options.to !== undefined && options.to !== pending.to)
        throw otherMoveError(task, pending);
      if (await isMachineHere(context, to)) {
        if (options.abort || options.withEnv || options.withoutEnv || options.cwd || options.module)
          throw usage(
            "to a machine of the cluster a task goes as it is: of the options only --resume has a meaning",
          );
        return await moveInCluster(context, source, { task, to, shouldResume: options.resume });
      }
      const { host, paths } = resolvePlace(context, to);
      const targetContext = { ...context, host, paths } as Context;
      return await withDaemon(targetContext, async (target) => {
        if (!pending && source.home === target.home) return reportAtHome(context, task);
        const journey = new Journey(context, { source, target, task, to, options });
        return options.abort ? await journey.abort() : await journey.go();
      });
    });
  },
});

function otherMoveError({ id, state, error }: TaskJson, { to, hasLeft }: PendingMove): AgentctlError {
  if (hasLeft) return new AgentctlError("Moved", { ...error?.data, id, state });
  const reason = `task ${id} is on its way to ${to}`;
  const hint = `agentctl move ${id} --to ${to} finishes that, agentctl move ${id} --abort takes it back`;
  return new AgentctlError("UnsupportedOperation", { id, state, reason, hint });
}

/** Leaves the task alone: in its own home it would only get another id. */
function reportAtHome({ out }: Context, task: TaskJson): number {
  if (out.json) out.data(task);
  out.note(`task ${task.id} is in that home already`);
  return 0;
}
