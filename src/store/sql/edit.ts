import { AgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import type { EditChange } from "../edit-change.ts";
import { type DependencyStatus, endOfDependent } from "../rules/dependencies.ts";
import type { Context, Op } from "./context.ts";
import { requireSlots } from "./create.ts";
import * as events from "./events.ts";
import { moveOne, readDependencyStatus } from "./moves.ts";
import type { QueueRoom } from "./queue-room.ts";

/**
 * Changes the submitted fields of a task, in one transaction with its event. Throws `TaskImmutable` if the task has
 * changed since it was read, `QueueNotFound`, `QueueFull`, and `InvalidParams` if its queue does not allow it or if
 * dependencies form a cycle.
 */
export function* edit(
  ctx: Context,
  { id, from, patch, at, actor, data }: EditChange,
  room: QueueRoom,
): Op<Task> {
  const before = yield* ctx.task(id);
  if (before.state !== from.state || before.attempt !== from.attempt) {
    throw new AgentctlError("TaskImmutable", { id, state: before.state, allowed: [from.state] });
  }
  const changed = { ...before, ...patch };
  if (changed.queue !== before.queue) yield* room.admit(ctx, changed.queue, at);
  if (changed.queue !== before.queue || changed.slots !== before.slots) yield* requireSlots(ctx, changed);
  const { broken, blockedBy } = patch.after
    ? yield* replaceDependencies(ctx, id, patch.after)
    : { broken: null, blockedBy: before.blockedBy };
  const timeDelay = patch.notBefore === null ? null : "time";
  const delay = patch.delay ?? (patch.notBefore === undefined ? before.delay : timeDelay);
  const edits = before.edits + 1;
  const after = yield* ctx.write(before, { ...changed, blockedBy, delay, edits, updatedAt: at });
  const { state } = before;
  const attempt = before.attempt || null;
  yield* events.append(ctx, { at, actor, cause: "edit", task: id, attempt, from: state, to: state, data });
  return broken ? yield* moveOne(ctx, endOfDependent(after, broken, at)) : after;
}

function* replaceDependencies(ctx: Context, id: number, after: Task["after"]): Op<DependencyStatus> {
  yield* requireNoCycle(ctx, id, after);
  const status = yield* readDependencyStatus(ctx, after);
  yield* ctx.run("delete from dependencies where task_id = ?", id);
  for (const dependencyId of status.open)
    yield* ctx.run(
      "insert into dependencies (on_id, task_id) values (?, ?) on conflict do nothing",
      dependencyId,
      id,
    );
  return status;
}

/** Throws if dependencies form a cycle: none of its tasks would ever start. */
function* requireNoCycle(ctx: Context, id: number, after: Task["after"]): Op<void> {
  const seen = new Set<number>();
  const pending = after.map((dependency) => dependency.id);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next === id) {
      const reason = `task ${id} would come after itself: ${after.map((each) => each.id).join(", ")}`;
      throw new AgentctlError("InvalidParams", { field: "after", reason, id });
    }
    if (seen.has(next)) continue;
    seen.add(next);
    const task = yield* ctx.task(next);
    if (!isTerminal(task.state)) pending.push(...task.after.map((dependency) => dependency.id));
  }
}
