import type { Deliveries, Delivery, DeliveryResult, HookState, NewDelivery } from "../deliveries.ts";
import type { Access } from "./access.ts";
import type { Context, Op } from "./context.ts";
import type { Row } from "./rows.ts";

export function deliveriesOver({ read, write }: Access): Deliveries {
  return {
    keep: (keys) => write("hooks", (ctx) => keepHooks(ctx, keys)),
    states: () => read((ctx) => states(ctx)),
    queue: (deliveries, upTo) => write("deliveries", (ctx) => queue(ctx, deliveries, upTo)),
    due: (hook, now, limit) => read((ctx) => due(ctx, hook, now, limit)),
    nextAt: () => read((ctx) => nextAt(ctx)),
    settle: (id, result) => write("delivered", (ctx) => settle(ctx, id, result)),
  };
}

/**
 * Keeps only these hooks of this machine. A new one begins after the newest event; deliveries of others are dropped.
 */
function* keepHooks(ctx: Context, hooks: readonly string[]): Op<void> {
  const storedKeys = (yield* ctx.rows(`select key from hooks where ${ownedCondition(ctx, "key")}`)).map(
    ({ key }) => key as string,
  );
  const keys = hooks.map((hook) => keyOf(ctx, hook));
  for (const key of storedKeys) {
    if (keys.includes(key)) continue;
    yield* ctx.run("delete from deliveries where hook = ?", key);
    yield* ctx.run("delete from hooks where key = ?", key);
  }
  for (const key of keys) {
    const sql = `insert into hooks (key, after, told, given_up)
      values (?, (select coalesce(max(seq), 0) from events), 0, 0) on conflict do nothing`;
    yield* ctx.run(sql, key);
  }
}

/** Machines that share a store each have their own hooks. */
function keyOf({ machine }: Context, hook: string): string {
  return machine === null ? hook : `${machine}/${hook}`;
}

function hookOf({ machine }: Context, key: string): string {
  return machine === null ? key : key.slice(machine.length + 1);
}

/** Returns an SQL condition: `column` names a hook of this machine. Machine names hold letters, digits, `.` and `-`. */
function ownedCondition({ machine }: Context, column: string): string {
  return machine === null ? "true" : `substr(${column}, 1, ${machine.length + 1}) = '${machine}/'`;
}

/** Stores deliveries, and that events up to `upTo` were checked, in one transaction. */
function* queue(ctx: Context, deliveries: readonly NewDelivery[], upTo: number): Op<void> {
  for (const { hook, seq, task, message, body, at } of deliveries) {
    const sql =
      "insert into deliveries (hook, seq, task_id, message, body, tries, first_at, next_at) values (?, ?, ?, ?, ?, 0, ?, ?)";
    yield* ctx.run(sql, keyOf(ctx, hook), seq, task, message, body, at, at);
  }
  yield* ctx.run(`update hooks set after = ? where after < ? and ${ownedCondition(ctx, "key")}`, upTo, upTo);
}

/** Returns the deliveries due for a hook: for each task only the oldest unsent one. */
function* due(ctx: Context, hook: string, now: number, limit: number): Op<Delivery[]> {
  const sql = `select * from deliveries d where hook = ? and next_at <= ? and not exists
     (select 1 from deliveries e where e.hook = d.hook and e.task_id = d.task_id and e.seq < d.seq)
     order by seq limit ?`;
  return (yield* ctx.rows(sql, keyOf(ctx, hook), now, limit)).map((row) => toDelivery(ctx, row));
}

/** Returns when the next delivery is due, or null. */
function* nextAt(ctx: Context): Op<number | null> {
  return (
    ((yield* ctx.row(`select min(next_at) as next from deliveries where ${ownedCondition(ctx, "hook")}`))
      ?.next as number | null) ?? null
  );
}

/** Records the result of one try. Deletes a delivery that was sent or given up; any other is retried at `retryAt`. */
function* settle(ctx: Context, id: number, result: DeliveryResult): Op<void> {
  const row = yield* ctx.row("select hook from deliveries where id = ?", id);
  if (!row) return;
  const { at, error, retryAt: again } = result;
  if (again !== null)
    yield* ctx.run("update deliveries set tries = tries + 1, next_at = ? where id = ?", again, id);
  else yield* ctx.run("delete from deliveries where id = ?", id);
  const column = error === null ? "told" : "given_up";
  const count = again === null ? `${column} = ${column} + 1, ` : "";
  yield* ctx.run(`update hooks set ${count}last_at = ?, last_error = ? where key = ?`, at, error, row.hook);
}

function* states(ctx: Context): Op<HookState[]> {
  const sql = `select hooks.*, (select count(*) from deliveries where hook = hooks.key) as waiting from hooks where ${ownedCondition(ctx, "key")}`;
  return (yield* ctx.rows(sql)).map((row) => ({
    key: hookOf(ctx, row.key as string),
    after: row.after as number,
    waiting: row.waiting as number,
    told: row.told as number,
    givenUp: row.given_up as number,
    lastAt: row.last_at as number | null,
    lastError: row.last_error as string | null,
  }));
}

function toDelivery(ctx: Context, row: Row): Delivery {
  return {
    id: row.id as number,
    hook: hookOf(ctx, row.hook as string),
    seq: row.seq as number,
    task: row.task_id as number,
    message: row.message as string,
    body: row.body as string,
    tries: row.tries as number,
    firstAt: row.first_at as number,
  };
}
