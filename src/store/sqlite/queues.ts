import { AgentctlError } from "../../core/errors.ts";
import { waitingStates } from "../../core/machine.ts";
import type { QueueHold } from "../store.ts";
import type { Context } from "./context.ts";
import { quoted } from "./reading.ts";
import { toQueue, UNTIL } from "./rows.ts";

/** The queues with how many tasks work and wait in each. */
export function queues(ctx: Context) {
  const rows = ctx.rows(
    `select name, slots, held_by,
       (select count(*) from tasks where queue = queues.name and state = 'working') as working,
       (select count(*) from tasks where queue = queues.name and state in (${quoted(waitingStates)})) as waiting
     from queues order by name`,
  );
  return rows.map((row) => ({
    ...toQueue(row),
    working: row.working as number,
    waiting: row.waiting as number,
  }));
}

/** The names of the queues that are held. */
export function held(ctx: Context): ReadonlySet<string> {
  const rows = ctx.rows("select name from queues where held_by is not null");
  return new Set(rows.map((row) => row.name as string));
}

/** The two parts of `held_by`, as SQL. */
const HOLDER = `case instr(held_by, '${UNTIL}') when 0 then held_by else substr(held_by, 1, instr(held_by, '${UNTIL}') - 1) end`;
const END = `cast(substr(held_by, instr(held_by, '${UNTIL}') + ${UNTIL.length}) as integer)`;

/** Makes a queue, or changes its slots. One that is made while a pause holds all is held by that pause too. */
export function set(ctx: Context, name: string, slots: number): { created: boolean } {
  const changed = ctx.run("update queues set slots = ? where name = ?", slots, name);
  if (changed === 0) {
    const ofAll = `select held_by from queues where ${HOLDER} = 'all' limit 1`;
    ctx.run(`insert into queues (name, slots, held_by) values (?, ?, (${ofAll}))`, name, slots);
  }
  return { created: changed === 0 };
}

/** When the next hold ends by itself, as SQL. */
export const NEXT_END = `select min(${END}) from queues where instr(held_by, '${UNTIL}') > 0`;

/** The pauses whose holds are over at `now`. */
export function endedHolds(ctx: Context, now: number): string[] {
  const sql = `select distinct ${HOLDER} as holder from queues where instr(held_by, '${UNTIL}') > 0 and ${END} <= ?`;
  return ctx.rows(sql, now).map((row) => row.holder as string);
}

/** Holds a queue or, with null, releases it. A user's hold goes before that of a pause. `QueueNotFound`. */
export function hold(ctx: Context, name: string, by: string | null): boolean {
  required(ctx, name);
  if (by === null) {
    return ctx.run("update queues set held_by = null where name = ? and held_by is not null", name) > 0;
  }
  const sql =
    "update queues set held_by = ? where name = ? and (held_by is null or (? = 'user' and held_by <> 'user'))";
  return ctx.run(sql, by, name, by) > 0;
}

/** Holds several queues, or all of them, for a pause; what the same pause holds already is held anew, with its end. */
export function holdFor(ctx: Context, { queues: names, by, until }: QueueHold): void {
  const all = () => ctx.rows("select name from queues").map((row) => row.name as string);
  const holder = until === null ? by : `${by}${UNTIL}${until}`;
  for (const name of names === "all" ? all() : names) {
    required(ctx, name);
    ctx.run(
      `update queues set held_by = ? where name = ? and (held_by is null or ${HOLDER} = ?)`,
      holder,
      name,
      by,
    );
  }
}

/** Releases every queue that the pause `by` holds. */
export function releaseHeldBy(ctx: Context, by: string): void {
  ctx.run(`update queues set held_by = null where ${HOLDER} = ?`, by);
}

/** Removes a queue in which no open task stands; the default one stays. */
export function remove(ctx: Context, name: string): void {
  required(ctx, name);
  const open = ctx.row("select count(*) as n from tasks where queue = ? and ended_at is null", name)?.n;
  const reason = name === "default" ? "the default queue stays" : `queue ${name} has ${open} open tasks`;
  if (name === "default" || (open as number) > 0) {
    throw new AgentctlError("UnsupportedOperation", { queue: name, reason });
  }
  ctx.run("delete from queues where name = ?", name);
}

function required(ctx: Context, name: string): void {
  if (!ctx.row("select 1 from queues where name = ?", name)) {
    throw new AgentctlError("QueueNotFound", { queue: name });
  }
}
