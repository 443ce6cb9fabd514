import { AgentctlError } from "../../core/errors.ts";
import { isTerminal, next, openStates, terminalStates } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import { type Change, IllegalMove, type Patch, type Seed, type UpdateOptions } from "../store.ts";
import { forgetAfter } from "./checkpoints.ts";
import type { Context } from "./context.ts";
import * as events from "./events.ts";
import type { QueueRoom } from "./queue-room.ts";

/** Inserts the tasks of `seeds` with their first events; a seed whose key exists is answered with its task. */
export function create(ctx: Context, seed: Seed, room: QueueRoom): { task: Task; created: boolean } {
  const existing = seed.key === null ? undefined : ctx.row("select id from tasks where key = ?", seed.key);
  if (existing) return { task: ctx.task(existing.id as number), created: false };
  if (!ctx.row("select 1 from queues where name = ?", seed.queue)) {
    throw new AgentctlError("QueueNotFound", { queue: seed.queue });
  }
  const { at, actor, checkpoint, ...given } = seed;
  room.admit(ctx, seed.queue, at);
  const dependency = seed.after === null ? null : ctx.task(seed.after);
  const task = ctx.insert({
    ...given,
    ...untouched,
    blocked: dependency !== null && dependency.state !== "completed",
    delay: seed.notBefore === null ? null : "time",
    createdAt: at,
    updatedAt: at,
    phaseAt: at,
  });
  events.append(ctx, {
    at,
    actor,
    cause: "run",
    task: task.id,
    attempt: null,
    from: null,
    to: "submitted",
    data: null,
  });
  if (dependency && dependency.state !== "completed" && isTerminal(dependency.state)) {
    return { task: refuseDependent(ctx, task, dependency, at), created: true };
  }
  return { task, created: true };
}

const untouched = {
  state: "submitted",
  attempt: 0,
  failures: 0,
  losses: 0,
  intent: null,
  pauseAt: null,
  pause: null,
  frozen: false,
  journaled: false,
  question: null,
  progress: null,
  pid: null,
  startedAt: null,
  endedAt: null,
  runMs: 0,
  pausedMs: 0,
  exitCode: null,
  signal: null,
  result: null,
  error: null,
  checkpoint: null,
} as const;

/** One move with its event, and what follows for the tasks that come after it. */
export function move(ctx: Context, change: Change): Task {
  const moved = moveOne(ctx, change);
  const ended = isTerminal(moved.state) ? [moved] : [];
  // What fails with it ends as well: the list grows while it is walked.
  for (const one of ended) ended.push(...settleDependents(ctx, one, change.at));
  return moved;
}

/** The compare-and-swap, the attempt that begins or ends with it, and its event. */
function moveOne(ctx: Context, change: Change): Task {
  const before = ctx.task(change.id);
  if (change.attempt !== undefined && change.attempt !== before.attempt) {
    throw new AgentctlError("StaleAttempt", { id: before.id, state: before.state, attempt: change.attempt });
  }
  const to = next(before.state, change.transition);
  const isAnswered = change.question !== undefined && change.question !== before.question?.at;
  if (to === undefined || isAnswered) throw new IllegalMove(before, change.transition);
  if (change.fromLine && !isInLine(ctx, before)) throw new IllegalMove(before, change.transition);
  if (change.continueFrom !== undefined) forgetAfter(ctx, before.id, change.continueFrom);
  const current = change.continueFrom === undefined ? before : ctx.task(change.id);
  const moved = settle({ ...current, state: to }, before, change);
  const after = ctx.write(current, moved);
  attempts(ctx, before, after, change);
  events.append(ctx, {
    at: change.at,
    actor: change.actor,
    cause: change.cause,
    task: after.id,
    attempt: after.attempt || null,
    from: before.state,
    to,
    data: change.data ?? pauseData(before, after),
  });
  return after;
}

/** A pause is told with its event: the task keeps only the last one. */
function pauseData(before: Task, { state, pause }: Task): Record<string, unknown> | null {
  if (state !== "suspended" || !pause || pause === before.pause) return null;
  const { mode, outcome, reason, until } = pause;
  return { mode, outcome, reason, until: toIso(until) };
}

/** So far the two clocks may differ without anything having happened. */
const CLOCK_NOISE_MS = 1000;

/** A slot may have been counted as free because its holder was about to leave, which it did not. */
const FREE = `select 1 from queues where name = ? and held_by is null and
  slots > (select count(*) from tasks where queue = queues.name and state = 'working')`;

/** A hold of the task or of its queue may have come since the line was read. */
function isInLine(ctx: Context, { held, blocked, queue }: Task): boolean {
  return !held && !blocked && ctx.row(FREE, queue) !== undefined;
}

/** Work is over with its process, which may have ended long before a daemon came to record it. */
function phaseOver({ state, phaseAt }: Task, { at, end }: Change): number {
  const over = state === "working" && end ? Math.min(end.endedAt, at) : at;
  return Math.max(over, phaseAt);
}

/** The fields that follow from leaving one state and entering another. */
function settle(task: Task, before: Task, change: Change): Task {
  const { at } = change;
  const over = phaseOver(before, change);
  const inPhase = over - before.phaseAt;
  if (before.state === "working") {
    const ran = change.ranMs ?? inPhase;
    // What the wall clock counts and the machine's own does not is time that it slept; small differences are noise.
    const slept = inPhase - ran;
    task.runMs += Math.abs(slept) < CLOCK_NOISE_MS ? inPhase : ran;
    task.pausedMs += slept < CLOCK_NOISE_MS ? 0 : slept;
    task.pid = null;
  }
  if (before.state === "suspended") task.pausedMs += inPhase;
  task.intent = null;
  task.phaseAt = over;
  task.updatedAt = at;
  if (task.state === "working") {
    Object.assign(task, { notBefore: null, delay: null, exitCode: null, signal: null, error: null });
    task.startedAt ??= at;
  }
  if (change.begin) Object.assign(task, { attempt: before.attempt + 1, pid: change.begin.pid ?? null });
  if (isTerminal(task.state)) {
    Object.assign(task, {
      endedAt: over,
      question: null,
      pauseAt: null,
      held: false,
      frozen: false,
      pid: null,
    });
    Object.assign(task, { notBefore: null, delay: null });
  }
  return Object.assign(task, change.set);
}

function attempts(ctx: Context, before: Task, after: Task, change: Change): void {
  if (change.end) endAttempt(ctx, before.id, before.attempt, change.end);
  if (change.begin) {
    ctx.run(
      `insert into attempts (task_id, n, token, run_key, boot_id, pid, pid_start, said_hello, started_at)
       values (?, ?, ?, ?, ?, ?, ?, 0, ?)`,
      after.id,
      after.attempt,
      change.begin.token,
      change.begin.runKey,
      change.begin.bootId,
      change.begin.pid ?? null,
      change.begin.pidStart ?? null,
      change.at,
    );
  }
}

function endAttempt(ctx: Context, id: number, n: number, end: NonNullable<Change["end"]>): void {
  ctx.run(
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

/** Frees what waited for `ended`, or refuses it; answers what was refused. */
function settleDependents(ctx: Context, ended: Task, at: number): Task[] {
  const waiting = ctx
    .rows("select id from tasks where after = ? and blocked = 1", ended.id)
    .map((row) => ctx.task(row.id as number));
  if (ended.state !== "completed") {
    return waiting
      .filter((task) => openStates.includes(task.state))
      .map((task) => refuseDependent(ctx, task, ended, at));
  }
  for (const task of waiting) ctx.write(task, { ...task, blocked: false, updatedAt: at });
  return [];
}

function refuseDependent(ctx: Context, dependent: Task, dependency: Task, at: number): Task {
  const message = `task ${dependency.id}, which it comes after, is ${dependency.state}`;
  const error = {
    name: "DependencyFailed",
    code: null,
    message,
    data: { on: dependency.id, state: dependency.state },
  };
  return moveOne(ctx, {
    id: dependent.id,
    transition: "refuse",
    at,
    cause: "dependency",
    actor: "daemon",
    data: { on: dependency.id },
    set: { error },
  });
}

/** Changes fields of a task without a move; an `event` makes it known. */
export function update(
  ctx: Context,
  id: number,
  patch: Patch,
  { states, event: told, end, token }: UpdateOptions,
): Task {
  if (token !== undefined) ctx.live(token);
  const before = ctx.task(id);
  if (states && !states.includes(before.state)) {
    throw new AgentctlError("TaskImmutable", { id, state: before.state, allowed: states });
  }
  const after = ctx.write(before, { ...before, ...patch, updatedAt: told?.at ?? before.updatedAt });
  if (end) endAttempt(ctx, id, before.attempt, end);
  if (told) {
    const { cause, actor, at } = told;
    const attempt = before.attempt || null;
    events.append(ctx, {
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

/** Deletes an ended task with all that hangs on it; one event tells that it is gone. */
export function remove(
  ctx: Context,
  id: number,
  { reason = null, ...by }: { at: number; actor: string; reason?: string | null },
): Task {
  const task = ctx.task(id);
  if (!isTerminal(task.state)) {
    throw new AgentctlError("UnsupportedOperation", {
      id,
      state: task.state,
      allowed: terminalStates,
      reason: `task ${id} is ${task.state}: only a task that has ended can be deleted`,
      hint: `agentctl cancel ${id}`,
    });
  }
  ctx.run("delete from tasks where id = ?", id);
  ctx.run("delete from events where task_id = ?", id);
  events.append(ctx, {
    ...by,
    cause: "delete",
    task: id,
    attempt: null,
    from: task.state,
    to: null,
    data: reason === null ? null : { reason },
  });
  return task;
}
