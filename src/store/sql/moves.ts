import { AgentctlError } from "../../core/errors.ts";
import { isTerminal, terminalStates } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import { isReady } from "../rules/attention.ts";
import { type DependencyStatus, dependencyStatus, endOfDependent } from "../rules/dependencies.ts";
import { applyChange, machineOf, pauseData } from "../rules/move.ts";
import { hasRoom } from "../rules/room.ts";
import { type Change, IllegalMove, type Patch, type Seed, type UpdateOptions } from "../store.ts";
import { chosenCheckpoint, forgetAfter } from "./checkpoints.ts";
import type { Context, Op } from "./context.ts";
import * as events from "./events.ts";
import { occupancyOf } from "./queues.ts";

/** Throws if another open task has the session: two processes on one session would both run its tools. */
export function* requireSession(ctx: Context, sessionKey: string | null, exceptId = 0): Op<void> {
  if (sessionKey === null) return;
  const holder = yield* ctx.row(
    "select id, state from tasks where session_key = ? and ended_at is null and id <> ?",
    sessionKey,
    exceptId,
  );
  if (!holder) return;
  const { id, state } = holder;
  const [agent = "", ...session] = sessionKey.split(" ");
  throw new AgentctlError("SessionInUse", { id, state, agent, session: session.join(" ") });
}

/** Returns how a task stands with its dependencies at present. */
export function* readDependencyStatus(ctx: Context, after: Seed["after"]): Op<DependencyStatus> {
  const states = new Map<number, Task["state"]>();
  for (const { id } of after) {
    const row = yield* ctx.row("select state from tasks where id = ?", id);
    if (row) states.set(id, row.state as Task["state"]);
  }
  return dependencyStatus(after, (id) => states.get(id));
}

/** Makes several moves, in their order. */
export function* moveAll(ctx: Context, changes: readonly Change[]): Op<Task[]> {
  const tasks: Task[] = [];
  for (const change of changes) tasks.push(yield* move(ctx, change));
  return tasks;
}

/** Makes one move with its event, and what follows for the tasks that depend on it. */
export function* move(ctx: Context, change: Change): Op<Task> {
  const after = yield* moveOne(ctx, change);
  const ended: Task[] = isTerminal(after.state) ? [after] : [];
  // A dependent that ends may have dependents of its own: the list grows while we walk it.
  for (const task of ended)
    for (const next of yield* settleDependents(ctx, task, change.at)) ended.push(next);
  return after;
}

/** Does the compare-and-swap, begins or ends the attempt with it, and writes its event. */
export function* moveOne(ctx: Context, change: Change): Op<Task> {
  const before = yield* ctx.task(change.id);
  const { continueFrom, fromQueue } = change;
  if (fromQueue && !(isReady(before) && hasRoom(before, yield* occupancyOf(ctx, before.queue), fromQueue))) {
    throw new IllegalMove(before, change.transition);
  }
  const chosen = continueFrom === undefined ? undefined : yield* chosenCheckpoint(ctx, before, continueFrom);
  const { task, event } = applyChange(before, change, chosen, ctx.machine);
  if (change.end) yield* requireOnThisMachine(ctx, before);
  yield* ctx.write(before, task);
  if (continueFrom !== undefined) yield* forgetAfter(ctx, before.id, chosen ?? null);
  if (change.end) yield* endAttempt(ctx, before.id, before.attempt, change.end);
  if (change.begin) yield* beginAttempt(ctx, task, change.begin, change.at);
  yield* events.append(ctx, event);
  return task;
}

function* beginAttempt(ctx: Context, task: Task, begin: NonNullable<Change["begin"]>, at: number): Op<void> {
  yield* ctx.run(
    `insert into attempts (task_id, n, token, run_key, boot_id, machine, pid, pid_start, said_hello, started_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`,
    task.id,
    task.attempt,
    begin.token,
    begin.runKey,
    begin.bootId,
    task.machine,
    begin.pid ?? null,
    begin.pidStart ?? null,
    at,
  );
}

function* endAttempt(ctx: Context, id: number, n: number, end: NonNullable<Change["end"]>): Op<void> {
  yield* ctx.run(
    `update attempts set ended_at = ?, outcome = ?, exit_code = ?, signal = ?, pid = coalesce(pid, ?)
     where task_id = ? and n = ?`,
    end.endedAt,
    end.outcome,
    end.exitCode,
    end.signal,
    end.pid ?? null,
    id,
    n,
  );
}

/** Throws `StaleAttempt` unless the attempt is on this machine, or its machine is lost. */
function* requireOnThisMachine(ctx: Context, { id, state, attempt, machine }: Task): Op<void> {
  if (ctx.machine === null || machine === ctx.machine) return;
  const row = yield* ctx.row("select is_lost from machines where name = ?", machine);
  if (row?.is_lost !== 1) throw new AgentctlError("StaleAttempt", { id, state, attempt });
}

/** Unblocks the tasks that waited for `ended`, or ends them; returns those that it ended. */
function* settleDependents(ctx: Context, ended: Task, at: number): Op<Task[]> {
  const waiting = yield* ctx.rows("select task_id from dependencies where on_id = ?", ended.id);
  if (waiting.length === 0) return [];
  yield* ctx.run("delete from dependencies where on_id = ?", ended.id);
  const endedTasks: Task[] = [];
  for (const { task_id } of waiting) {
    const task = yield* ctx.task(task_id as number);
    if (isTerminal(task.state)) continue;
    const { blockedBy, broken } = yield* readDependencyStatus(ctx, task.after);
    if (broken) endedTasks.push(yield* moveOne(ctx, endOfDependent(task, broken, at)));
    else yield* ctx.write(task, { ...task, blockedBy, updatedAt: at });
  }
  return endedTasks;
}

/** Changes fields of a task without a move; an `event` reports it. */
export function* update(
  ctx: Context,
  id: number,
  patch: Patch,
  { states, pausedUntil, event, end, token }: UpdateOptions,
): Op<Task> {
  if (token !== undefined) yield* ctx.liveAttempt(token);
  const before = yield* ctx.task(id);
  const isOtherPause = pausedUntil !== undefined && (before.pause?.until ?? null) !== pausedUntil;
  if (isOtherPause || (states && !states.includes(before.state))) {
    throw new AgentctlError("TaskImmutable", { id, state: before.state, allowed: states });
  }
  if (patch.sessionKey) yield* requireSession(ctx, patch.sessionKey, id);
  if (end) yield* requireOnThisMachine(ctx, before);
  const machine = machineOf({ ...before, ...patch }, before.machine);
  const after = yield* ctx.write(before, {
    ...before,
    ...patch,
    machine,
    updatedAt: event?.at ?? before.updatedAt,
  });
  if (end) yield* endAttempt(ctx, id, before.attempt, end);
  if (event) {
    const { cause, actor, at } = event;
    const attempt = before.attempt || null;
    yield* events.append(ctx, {
      at,
      actor,
      cause,
      task: id,
      attempt,
      from: before.state,
      to: before.state,
      data: pauseData(before, after),
    });
  }
  return after;
}

/** Deletes an ended task with everything that belongs to it; one event reports that. */
export function* remove(
  ctx: Context,
  id: number,
  { reason = null, ...origin }: { at: number; actor: string; reason?: string | null },
): Op<Task> {
  const task = yield* ctx.task(id);
  if (!isTerminal(task.state)) {
    throw new AgentctlError("UnsupportedOperation", {
      id,
      state: task.state,
      allowed: terminalStates,
      reason: `task ${id} is ${task.state}: only a task that has ended can be deleted`,
      hint: `agentctl cancel ${id}`,
    });
  }
  yield* ctx.run("delete from tasks where id = ?", id);
  yield* ctx.run("delete from events where task_id = ?", id);
  yield* events.append(ctx, {
    ...origin,
    cause: "delete",
    task: id,
    attempt: null,
    from: task.state,
    to: null,
    data: reason === null ? null : { reason },
  });
  return task;
}
