import { AgentctlError } from "../../core/errors.ts";
import { waitingStates } from "../../core/machine.ts";
import type { Queue } from "../../core/task.ts";
import type { Occupancy } from "../queue-view.ts";
import type { QueueChange, QueueHold } from "../store.ts";
import type { Context, Op } from "./context.ts";
import { quoted } from "./queries.ts";
import { toQueue } from "./rows.ts";

/** Returns the queues with how many tasks work and wait in each. */
export function* queues(ctx: Context) {
  const rows = yield* ctx.rows(
    `select *,
       (select count(*) from tasks where queue = queues.name and state = 'working') as working,
       (select coalesce(sum(slots), 0) from tasks where queue = queues.name and state = 'working') as used,
       (select count(*) from tasks where queue = queues.name and state in (${quoted(waitingStates)})) as waiting
     from queues order by name`,
  );
  return rows.map((row) => ({
    ...toQueue(row),
    working: row.working as number,
    used: row.used as number,
    waiting: row.waiting as number,
  }));
}

const USED = "select queue, sum(slots) as used from tasks where state = 'working' group by queue";

/** Returns how many slots working tasks take, by queue. */
export function* usedSlots(ctx: Context): Op<Map<string, number>> {
  return new Map((yield* ctx.rows(USED)).map((row) => [row.queue as string, row.used as number]));
}

/** Returns how many of the `used` slots are taken by tasks that work on this machine. */
export function* usedHere(ctx: Context, used: ReadonlyMap<string, number>): Op<number> {
  if (ctx.machine === null) return [...used.values()].reduce((sum, taken) => sum + taken, 0);
  const sql = "select coalesce(sum(slots), 0) as used from tasks where state = 'working' and machine = ?";
  return (yield* ctx.row(sql, ctx.machine))?.used as number;
}

/** Returns the slot numbers that are taken in a queue, except those of the tasks `leaving`. */
export function* takenNumbers(
  ctx: Context,
  queue: string,
  leaving: ReadonlySet<number> = new Set(),
): Op<number[]> {
  const sql =
    "select id, slot_numbers from tasks where queue = ? and state = 'working' and slot_numbers is not null";
  const rows = (yield* ctx.rows(sql, queue)).filter(({ id }) => !leaving.has(id as number));
  return rows.flatMap(({ slot_numbers }) => JSON.parse(slot_numbers as string) as number[]);
}

/** Returns how full each queue is. */
export function* occupancy(ctx: Context): Op<ReadonlyMap<string, Occupancy>> {
  const used = yield* usedSlots(ctx);
  const queues = (yield* ctx.rows("select * from queues")).map(toQueue);
  const occupancies = new Map<string, Occupancy>();
  for (const queue of queues) occupancies.set(queue.name, yield* occupancyIn(ctx, queue, used));
  return occupancies;
}

/** Returns how full one queue is; undefined if there is no such queue. */
export function* occupancyOf(ctx: Context, name: string): Op<Occupancy | undefined> {
  const row = yield* ctx.row("select * from queues where name = ?", name);
  return row && (yield* occupancyIn(ctx, toQueue(row), yield* usedSlots(ctx)));
}

function* occupancyIn(
  ctx: Context,
  { name, slots, heldBy, numbered }: Queue,
  used: ReadonlyMap<string, number>,
): Op<Occupancy> {
  const usedInAll = yield* usedHere(ctx, used);
  const numbers = numbered ? yield* takenNumbers(ctx, name) : [];
  return { slots, used: used.get(name) ?? 0, usedInAll, held: heldBy !== null, numbered, numbers };
}

/** Makes a queue, or changes the given settings. One made while a pause holds all queues is held by that pause too. */
export function* set(ctx: Context, name: string, change: QueueChange): Op<{ created: boolean }> {
  const existing = yield* ctx.row("select * from queues where name = ?", name);
  const before = existing ? toQueue(existing) : { numbered: false, preempt: false };
  const { slots, numbered, preempt } = { ...before, ...change };
  if (slots === undefined) throw new AgentctlError("QueueNotFound", { queue: name });
  const values = [slots, numbered ? 1 : 0, preempt ? 1 : 0];
  if (existing)
    yield* ctx.run("update queues set slots = ?, numbered = ?, preempt = ? where name = ?", ...values, name);
  else {
    const sql =
      "insert into queues (slots, numbered, preempt, name, held_by, held_until) values (?, ?, ?, ?, ?, ?)";
    const hold = yield* ctx.row("select held_by, held_until from queues where held_by = 'all' limit 1");
    yield* ctx.run(sql, ...values, name, hold?.held_by ?? null, hold?.held_until ?? null);
  }
  return { created: !existing };
}

/** Selects when the next hold ends. */
export const NEXT_END = "select min(held_until) from queues";

/** Returns the pauses whose holds have ended at `now`. */
export function* endedHolds(ctx: Context, now: number): Op<string[]> {
  const rows = yield* ctx.rows("select distinct held_by from queues where held_until <= ?", now);
  return rows.map((row) => row.held_by as string);
}

/** Holds a queue; releases it if `holder` is null. A user's hold replaces that of a pause. Throws `QueueNotFound`. */
export function* hold(ctx: Context, name: string, holder: string | null): Op<boolean> {
  yield* requireQueue(ctx, name);
  const condition =
    holder === null ? "held_by is not null" : "(held_by is null or (? = 'user' and held_by <> 'user'))";
  const sql = `update queues set held_by = ?, held_until = null where name = ? and ${condition}`;
  return (yield* ctx.run(sql, holder, name, ...(holder === null ? [] : [holder]))) > 0;
}

/** Holds several queues, or all of them, for a pause; a queue that this pause already holds gets the new end. */
export function* holdFor(ctx: Context, { queues: names, by, until }: QueueHold): Op<void> {
  const queueNames =
    names === "all" ? (yield* ctx.rows("select name from queues")).map(({ name }) => name as string) : names;
  const sql =
    "update queues set held_by = ?, held_until = ? where name = ? and (held_by is null or held_by = ?)";
  for (const name of queueNames) {
    yield* requireQueue(ctx, name);
    yield* ctx.run(sql, by, until, name, by);
  }
}

/** Releases every queue that the pause `holder` holds. */
export function* releaseHeldBy(ctx: Context, holder: string): Op<void> {
  yield* ctx.run("update queues set held_by = null, held_until = null where held_by = ?", holder);
}

/** Removes a queue that has no open task and no schedule. The default queue cannot be removed. */
export function* remove(ctx: Context, name: string): Op<void> {
  yield* requireQueue(ctx, name);
  const open = (yield* ctx.row("select count(*) as n from tasks where queue = ? and ended_at is null", name))
    ?.n;
  const tasks = open === 1 ? "1 open task" : `${open} open tasks`;
  const reason = name === "default" ? "the default queue stays" : `queue ${name} has ${tasks}`;
  if (name === "default" || (open as number) > 0) {
    throw new AgentctlError("UnsupportedOperation", { queue: name, reason });
  }
  const schedules = yield* ctx.rows("select name, task from schedules order by name");
  const schedule = schedules.find(
    ({ task }) => (JSON.parse(task as string) as { queue?: string }).queue === name,
  );
  if (schedule) {
    const reason = `schedule ${schedule.name} submits to queue ${name}`;
    const hint = `agentctl schedule remove ${schedule.name}, or agentctl schedule add --replace with another queue`;
    throw new AgentctlError("UnsupportedOperation", { queue: name, reason, hint });
  }
  yield* ctx.run("delete from queues where name = ?", name);
}

function* requireQueue(ctx: Context, name: string): Op<void> {
  if (!(yield* ctx.row("select 1 from queues where name = ?", name))) {
    throw new AgentctlError("QueueNotFound", { queue: name });
  }
}
