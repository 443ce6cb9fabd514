import type { Due } from "../store.ts";
import type { Context } from "./context.ts";
import { endedHolds, NEXT_END } from "./queues.ts";

/** What the time has come for: asked at every look at the lines, so what is not due costs one query. */
export function due(ctx: Context, now: number): Due {
  const sql = `select (select min(wake_at) from tasks where wake_at is not null) as task, (${NEXT_END}) as hold`;
  const { task, hold } = ctx.row(sql) as { task: number | null; hold: number | null };
  const first = sooner(task, hold);
  if (first === null || first > now) return { tasks: [], holds: [], next: first };
  const tasks = ctx.tasks("tasks where wake_at <= ? order by wake_at, id limit 1000", [now]);
  const row = ctx.row("select min(wake_at) as next from tasks where wake_at > ?", now);
  const holds = endedHolds(ctx, now);
  const later = holds.length > 0 ? null : hold;
  return { tasks, holds, next: sooner((row?.next as number | null) ?? null, later) };
}

function sooner(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
