import { AgentctlError } from "../../core/errors.ts";
import type { Attempt, Intent, StepName } from "../../core/task.ts";
import type { NewArtifact, QueueHold } from "../store.ts";
import type { ActiveAttempt, Context, Op } from "./context.ts";
import { markUnused } from "./journal.ts";
import { holdFor } from "./queues.ts";
import { toAttempt } from "./rows.ts";

/** The facts that become known about an attempt after it began. */
export type AttemptUpdate = Partial<Pick<Attempt, "pid" | "pidStart" | "saidHello" | "startedAt">>;

/** Returns the attempts of a task, first to last. */
export function* ofTask(ctx: Context, id: number): Op<Attempt[]> {
  return (yield* ctx.rows("select * from attempts where task_id = ? order by n", id)).map(toAttempt);
}

export function* byToken(ctx: Context, token: string): Op<Attempt | undefined> {
  const row = yield* ctx.row("select * from attempts where token = ?", token);
  return row && toAttempt(row);
}

export function* note(ctx: Context, id: number, n: number, update: AttemptUpdate): Op<void> {
  yield* ctx.run(
    `update attempts set pid = coalesce(?, pid), pid_start = coalesce(?, pid_start),
       said_hello = case when ? = 1 then 1 else said_hello end, started_at = coalesce(?, started_at)
     where task_id = ? and n = ?`,
    update.pid ?? null,
    update.pidStart ?? null,
    update.saidHello ? 1 : 0,
    update.startedAt ?? null,
    id,
    n,
  );
  if (update.pid === undefined) return;
  const sql = "update tasks set pid = ? where id = ? and attempt = ? and state = 'working'";
  yield* ctx.run(sql, update.pid, id, n);
}

/** Records what is about to be done to live attempts, and holds queues. Throws `StaleAttempt` for any other attempt. */
export function* intendAll(
  ctx: Context,
  intents: readonly { id: number; attempt: number; intent: Intent | null }[],
  hold?: QueueHold,
): Op<void> {
  for (const each of intents) yield* intend(ctx, each);
  if (hold) yield* holdFor(ctx, hold);
}

function* intend(
  ctx: Context,
  { id, attempt, intent }: { id: number; attempt: number; intent: Intent | null },
): Op<void> {
  const task = yield* ctx.task(id);
  if ((task.state !== "working" && !task.frozen) || task.attempt !== attempt) {
    throw new AgentctlError("StaleAttempt", { id, state: task.state, attempt });
  }
  yield* ctx.write(task, { ...task, intent });
}

/** Stores what the module of an attempt returned or threw. */
export function* saveResult(
  ctx: Context,
  live: ActiveAttempt,
  result: NonNullable<Attempt["result"]>,
  unused: readonly StepName[],
): Op<void> {
  const sql = "update attempts set result = ? where task_id = ? and n = ?";
  yield* ctx.run(sql, JSON.stringify(result), live.taskId, live.n);
  yield* markUnused(ctx, live, unused);
}

/** Records an artifact of an attempt, in place of an earlier one of the same name. */
export function* addArtifact(ctx: Context, { taskId }: ActiveAttempt, artifact: NewArtifact): Op<void> {
  const sql = `insert into artifacts (task_id, name, size, sha256, created_at, machine) values (?, ?, ?, ?, ?, ?)
    on conflict (task_id, name) do update
    set size = excluded.size, sha256 = excluded.sha256, created_at = excluded.created_at, machine = excluded.machine`;
  const { name, size, sha256, createdAt } = artifact;
  yield* ctx.run(sql, taskId, name, size, sha256, createdAt, ctx.machine);
}
