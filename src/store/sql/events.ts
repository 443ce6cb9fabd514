import type { TaskEvent } from "../../core/task.ts";
import type { Context, Op } from "./context.ts";
import { type Cell, toEvent } from "./rows.ts";

type NewEvent = Omit<TaskEvent, "seq">;

/** Writes one row of `events`; its number is the next over all tasks. */
export function* append(ctx: Context, event: NewEvent): Op<void> {
  yield* appendAll(ctx, [event]);
}

/** Writes rows of `events`, numbered in their order. */
export function* appendAll(ctx: Context, newEvents: readonly NewEvent[]): Op<void> {
  const seqs = yield* ctx.insertEvents(newEvents.map(cellsOf));
  for (const [index, event] of newEvents.entries())
    ctx.newEvents.push({ ...event, seq: seqs[index] as number });
}

function cellsOf({ at, task, attempt, from, to, cause, actor, data }: NewEvent): Cell[] {
  return [at, task, attempt, from, to, cause, actor, data === null ? null : JSON.stringify(data)];
}

/** Returns the number of the newest event; 0 if there is none. */
export function* lastSeq(ctx: Context): Op<number> {
  return (yield* ctx.row("select coalesce(max(seq), 0) as seq from events"))?.seq as number;
}

/** Returns events after a number, oldest first; a negative `limit` means no limit. */
export function* listAfter(
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
