import type { TaskEvent } from "../../core/task.ts";
import type { Context, Op } from "./context.ts";
import { toEvent } from "./rows.ts";

/** Writes one row of `events` where the database numbers it. */
export const EVENT =
  "insert into events (at, task_id, attempt, from_state, to_state, cause, actor, data) values (?, ?, ?, ?, ?, ?, ?, ?)";

/** Writes one row of `events`; its number is the next of all tasks. */
export function* append(ctx: Context, event: Omit<TaskEvent, "seq">): Op<void> {
  const { at, task, attempt, from, to, cause, actor } = event;
  const data = event.data === null ? null : JSON.stringify(event.data);
  const seq = yield* ctx.insertEvent([at, task, attempt, from, to, cause, actor, data]);
  ctx.news.push({ ...event, seq });
}

/** The number of the newest event, 0 before the first. */
export function* last(ctx: Context): Op<number> {
  return (yield* ctx.row("select coalesce(max(seq), 0) as seq from events"))?.seq as number;
}

/** Events after a number, oldest first; a negative `limit` is none. */
export function* after(
  ctx: Context,
  query: { after: number; task?: number; limit: number },
): Op<TaskEvent[]> {
  const { after, task } = query;
  const limit = query.limit < 0 ? Number.MAX_SAFE_INTEGER : query.limit;
  const rows =
    task === undefined
      ? yield* ctx.rows("select * from events where seq > ? order by seq limit ?", after, limit)
      : yield* ctx.rows(
          "select * from events where task_id = ? and seq > ? order by seq limit ?",
          task,
          after,
          limit,
        );
  return rows.map(toEvent);
}
