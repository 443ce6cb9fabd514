import type { Deliveries, Delivery, HookState, NewDelivery, Told } from "../deliveries.ts";
import type { Access } from "./access.ts";
import type { Context } from "./context.ts";
import type { Row } from "./rows.ts";

export function deliveriesOver(ctx: Context, { read, write }: Access): Deliveries {
  return {
    keep: (keys) => write("hooks", () => keepHooks(ctx, keys)),
    states: () => read(() => states(ctx)),
    queue: (deliveries, upTo) => write("deliveries", () => queue(ctx, deliveries, upTo)),
    due: (hook, now, limit) => read(() => due(ctx, hook, now, limit)),
    nextAt: () => read(() => nextAt(ctx)),
    settle: (id, told) => write("delivered", () => settle(ctx, id, told)),
  };
}

/** Keeps these hooks and no other: a new one begins after the newest event, what waits for others is dropped. */
function keepHooks(ctx: Context, hooks: readonly string[]): void {
  const list = JSON.stringify(hooks);
  ctx.run("delete from deliveries where hook not in (select value from json_each(?))", list);
  ctx.run("delete from hooks where key not in (select value from json_each(?))", list);
  ctx.run(
    `insert into hooks (key, after, told, given_up) select value, (select coalesce(max(seq), 0) from events), 0, 0
     from json_each(?) where true on conflict do nothing`,
    list,
  );
}

/** Records what is to be told, and that events up to `upTo` were looked at, in one transaction. */
function queue(ctx: Context, deliveries: readonly NewDelivery[], upTo: number): void {
  for (const { hook, seq, task, message, body, at } of deliveries) {
    const sql =
      "insert into deliveries (hook, seq, task_id, message, body, tries, first_at, next_at) values (?, ?, ?, ?, ?, 0, ?, ?)";
    ctx.run(sql, hook, seq, task, message, body, at, at);
  }
  ctx.run("update hooks set after = ? where after < ?", upTo, upTo);
}

/** What is due for a hook: of each task the oldest that was not told. */
function due(ctx: Context, hook: string, now: number, limit: number): Delivery[] {
  const sql = `select * from deliveries d where hook = ? and next_at <= ? and not exists
     (select 1 from deliveries e where e.hook = d.hook and e.task_id = d.task_id and e.seq < d.seq)
     order by seq limit ?`;
  return ctx.rows(sql, hook, now, limit).map(toDelivery);
}

/** When the next is due, or null. */
function nextAt(ctx: Context): number | null {
  return (ctx.row("select min(next_at) as next from deliveries")?.next as number | null) ?? null;
}

/** What became of one try. One that is told or given up goes; any other is tried again at `again`. */
function settle(ctx: Context, id: number, told: Told): void {
  const row = ctx.row("select hook from deliveries where id = ?", id);
  if (!row) return;
  const { at, error, again } = told;
  if (again !== null) ctx.run("update deliveries set tries = tries + 1, next_at = ? where id = ?", again, id);
  else ctx.run("delete from deliveries where id = ?", id);
  const column = error === null ? "told" : "given_up";
  const count = again === null ? `${column} = ${column} + 1, ` : "";
  ctx.run(`update hooks set ${count}last_at = ?, last_error = ? where key = ?`, at, error, row.hook);
}

function states(ctx: Context): HookState[] {
  const sql =
    "select hooks.*, (select count(*) from deliveries where hook = hooks.key) as waiting from hooks";
  return ctx.rows(sql).map((row) => ({
    key: row.key as string,
    after: row.after as number,
    waiting: row.waiting as number,
    told: row.told as number,
    givenUp: row.given_up as number,
    lastAt: row.last_at as number | null,
    lastError: row.last_error as string | null,
  }));
}

function toDelivery(row: Row): Delivery {
  return {
    id: row.id as number,
    hook: row.hook as string,
    seq: row.seq as number,
    task: row.task_id as number,
    message: row.message as string,
    body: row.body as string,
    tries: row.tries as number,
    firstAt: row.first_at as number,
  };
}
