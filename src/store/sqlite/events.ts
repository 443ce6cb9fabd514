import type { TaskEvent } from "../../core/task.ts";
import type { Context } from "./context.ts";
import { toEvent } from "./rows.ts";

const INSERT =
  "insert into events (at, task_id, attempt, from_state, to_state, cause, actor, data) values (?, ?, ?, ?, ?, ?, ?, ?)";

/** Writes one row of `events`; its number is the next of all tasks. */
export function append(ctx: Context, event: Omit<TaskEvent, "seq">): void {
  const { lastInsertRowid } = ctx
    .sql(INSERT)
    .run(
      event.at,
      event.task,
      event.attempt,
      event.from,
      event.to,
      event.cause,
      event.actor,
      event.data === null ? null : JSON.stringify(event.data),
    );
  ctx.news.push({ ...event, seq: Number(lastInsertRowid) });
}

/** The number of the newest event, 0 before the first. */
export function last(ctx: Context): number {
  return ctx.row("select coalesce(max(seq), 0) as seq from events")?.seq as number;
}

/** Events after a number, oldest first; a negative `limit` is none. */
export function after(ctx: Context, query: { after: number; task?: number; limit: number }): TaskEvent[] {
  const { after, task, limit } = query;
  const rows =
    task === undefined
      ? ctx.rows("select * from events where seq > ? order by seq limit ?", after, limit)
      : ctx.rows(
          "select * from events where task_id = ? and seq > ? order by seq limit ?",
          task,
          after,
          limit,
        );
  return rows.map(toEvent);
}
