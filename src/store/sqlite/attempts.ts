import { AgentctlError } from "../../core/errors.ts";
import type { Attempt, Intent, StepName } from "../../core/task.ts";
import type { Artifact } from "../store.ts";
import type { ActiveAttempt, Context } from "./context.ts";
import { markUnused } from "./journal.ts";
import { toAttempt } from "./rows.ts";

/** What is learned of an attempt after it began. */
export type Facts = Partial<Pick<Attempt, "pid" | "pidStart" | "saidHello" | "startedAt">>;

/** The attempts of a task, first to last. */
export function ofTask(ctx: Context, id: number): Attempt[] {
  return ctx.rows("select * from attempts where task_id = ? order by n", id).map(toAttempt);
}

export function byToken(ctx: Context, token: string): Attempt | undefined {
  const row = ctx.row("select * from attempts where token = ?", token);
  return row && toAttempt(row);
}

export function note(ctx: Context, id: number, n: number, facts: Facts): void {
  ctx.run(
    `update attempts set pid = coalesce(?, pid), pid_start = coalesce(?, pid_start),
       said_hello = max(said_hello, ?), started_at = coalesce(?, started_at)
     where task_id = ? and n = ?`,
    facts.pid ?? null,
    facts.pidStart ?? null,
    facts.saidHello ? 1 : 0,
    facts.startedAt ?? null,
    id,
    n,
  );
  if (facts.pid === undefined) return;
  const sql = "update tasks set pid = ? where id = ? and attempt = ? and state = 'working'";
  ctx.run(sql, facts.pid, id, n);
}

/** Records what is about to be done to a live attempt; throws `StaleAttempt` for any other. */
export function intend(
  ctx: Context,
  { id, attempt, intent }: { id: number; attempt: number; intent: Intent | null },
): void {
  const task = ctx.task(id);
  if ((task.state !== "working" && !task.frozen) || task.attempt !== attempt) {
    throw new AgentctlError("StaleAttempt", { id, state: task.state, attempt });
  }
  ctx.write(task, { ...task, intent });
}

/** Keeps what the module of an attempt returned or threw. */
export function saveResult(
  ctx: Context,
  live: ActiveAttempt,
  result: NonNullable<Attempt["result"]>,
  unused: readonly StepName[],
): void {
  const sql = "update attempts set result = ? where task_id = ? and n = ?";
  ctx.run(sql, JSON.stringify(result), live.taskId, live.n);
  markUnused(ctx, live, unused);
}

/** Records an artifact that an attempt leaves, in place of one of the same name. */
export function addArtifact(
  ctx: Context,
  { taskId }: ActiveAttempt,
  artifact: Omit<Artifact, "taskId">,
): void {
  const sql =
    "insert or replace into artifacts (task_id, name, size, sha256, created_at) values (?, ?, ?, ?, ?)";
  ctx.run(sql, taskId, artifact.name, artifact.size, artifact.sha256, artifact.createdAt);
}
