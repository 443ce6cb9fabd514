/** The home that a task leaves: ends the task once it is in the other home, or undoes the move. */
import { AgentctlError, codeOf } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { movedAway } from "../refusals.ts";
import { forgetLimit } from "../verbs/agents/account.ts";
import { dropBundlesOf } from "./upload.ts";

export interface LeaveOptions {
  move: string;
  /** Where the task is now; null undoes the move. */
  there: { to: string; as: number } | null;
  actor: string;
}

/** Ends a task that is elsewhere now, or undoes its move. A repeated call returns the task unchanged. */
export async function leave(
  engine: Engine,
  ref: string | number,
  { move, there: target, actor }: LeaveOptions,
): Promise<Task> {
  const task = await engine.require(ref);
  if (task.error?.name === "Moved") {
    if (task.error.data?.move === move) return task;
    throw movedAway(task);
  }
  const { id, state } = task;
  if (task.moving?.move !== move) {
    if (!task.moving && !target) return task;
    const reason = `task ${id} is not on its way by this move`;
    throw new AgentctlError("UnsupportedOperation", { id, state, reason, hint: `agentctl show ${id}` });
  }
  const at = engine.clock.now();
  await dropBundlesOf(engine, move);
  if (!target)
    return await engine.store.update(id, { moving: null }, { event: { cause: "moving", actor, at } });
  engine.fault("move:before-tombstone");
  const ended = await engine.store.apply({
    id,
    transition: "cancel",
    attempt: task.attempt,
    at,
    cause: "moved",
    actor,
    data: { to: target.to, as: target.as },
    set: { moving: null, error: tombstone(task, target, move) },
  });
  engine.fault("move:after-tombstone");
  await forgetLimit(engine, ended);
  engine.wake();
  return ended;
}

function tombstone(
  { id, moving }: Task,
  { to, as }: { to: string; as: number },
  move: string,
): Task["error"] {
  const message = `moved to ${to}, where it is task ${as}`;
  return {
    name: "Moved",
    code: codeOf("Moved"),
    message,
    data: { id, to, as, move, goesOn: moving?.goesOn ?? false },
  };
}
