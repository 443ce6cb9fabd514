import { waitingStates } from "../../core/machine.ts";
import type { QueueView, Snapshot, SnapshotOptions, Waiting, Working } from "../queue-view.ts";
import type { Due } from "../store.ts";
import type { Context, Op } from "./context.ts";
import { quoted } from "./queries.ts";
import { endedHolds, NEXT_END, takenNumbers, usedHere, usedSlots } from "./queues.ts";
import { type Row, toQueue } from "./rows.ts";

/**
 * Returns the queues that are not held, how full they are, and the first tasks of each that could start. The scheduler
 * calls this often. So if a queue has no free slot, only the queue itself is read, unless it preempts.
 */
export function* snapshot(ctx: Context, options: SnapshotOptions): Op<Snapshot> {
  const used = yield* usedSlots(ctx);
  let usedInAll = yield* usedHere(ctx, used);
  for (const id of options.leaving) {
    const row = yield* ctx.row("select queue, slots from tasks where id = ? and state = 'working'", id);
    if (!row) continue;
    used.set(row.queue as string, (used.get(row.queue as string) ?? 0) - (row.slots as number));
    usedInAll -= row.slots as number;
  }
  const freeInAll = (options.slotsMax ?? Number.POSITIVE_INFINITY) - usedInAll;
  const queues: QueueView[] = [];
  for (const row of yield* ctx.rows("select * from queues where held_by is null")) {
    const { name, slots, numbered, preempt } = toQueue(row);
    const taken = used.get(name) ?? 0;
    const free = Math.min((slots ?? Number.POSITIVE_INFINITY) - taken, freeInAll);
    const needsWaiting = free > 0 || preempt;
    const limit = preempt ? options.perQueue : Math.min(free, options.perQueue);
    const maxSlots = Math.min(slots ?? Number.MAX_SAFE_INTEGER, options.slotsMax ?? Number.MAX_SAFE_INTEGER);
    const waiting = needsWaiting ? yield* waitingOf(ctx, name, maxSlots, limit + EXTRA_TASKS) : [];
    queues.push({
      queue: name,
      slots,
      used: taken,
      numbered,
      preempt,
      numbers: numbered && waiting.length > 0 ? yield* takenNumbers(ctx, name, options.leaving) : [],
      waiting,
      working:
        options.withWorking || (preempt && waiting.length > 0)
          ? yield* workingOf(ctx, name, options.leaving)
          : [],
    });
  }
  return { queues, used: usedInAll };
}

/** How many more tasks of each queue to return: those that come next. */
const EXTRA_TASKS = 2;

/** The condition of the index `tasks_ready`, in the same words; otherwise SQLite does not use the index. */
const READY = `held = 0 and blocked_by is null and not_before is null
  and (state in (${quoted(waitingStates)}) or resumes_with is not null)`;

function* waitingOf(ctx: Context, queue: string, maxSlots: number, limit: number): Op<Waiting[]> {
  // A frozen task continues where it is. Any other task may require certain machines.
  const [machineCondition, machineParams] =
    ctx.machine === null
      ? ["", []]
      : [
          "and (case when frozen = 1 then machine = ? else fits(on_machine, ?) and accepts(?, submitted_by) end)",
          [ctx.machine, ctx.machine, ctx.machine],
        ];
  // If the limit were a parameter, SQLite would plan the query again for each value.
  const sql = `select id, state, attempt, priority, slots, slot_numbers, frozen, resumes_with from tasks
    where queue = ? and ${READY} and slots <= ? ${machineCondition} order by priority desc, id limit ${limit}`;
  return (yield* ctx.rows(sql, queue, maxSlots, ...machineParams)).map((row) => ({
    id: row.id as number,
    state: row.state as Waiting["state"],
    attempt: row.attempt as number,
    priority: row.priority as number,
    slots: row.slots as number,
    slotNumbers: row.frozen === 1 ? numbersOf(row) : null,
    resumesWith: row.resumes_with as Waiting["resumesWith"],
  }));
}

function numbersOf({ slot_numbers }: Row): number[] | null {
  return slot_numbers === null ? null : (JSON.parse(slot_numbers as string) as number[]);
}

function* workingOf(ctx: Context, queue: string, leaving: ReadonlySet<number>): Op<Working[]> {
  const sql = `select id, priority, slots, phase_at, pause_mode, case when checkpoint is not null or journaled = 1 then 1 else 0 end as continues
    from tasks where queue = ? and state = 'working'`;
  return (yield* ctx.rows(sql, queue))
    .filter(({ id }) => !leaving.has(id as number))
    .map((row) => ({
      id: row.id as number,
      priority: row.priority as number,
      slots: row.slots as number,
      since: row.phase_at as number,
      continues: row.continues === 1,
      pauseMode: row.pause_mode as Working["pauseMode"],
    }));
}

/** Returns what is due at `now`. The scheduler calls this often, so it costs one query if nothing is due. */
export function* due(ctx: Context, now: number): Op<Due> {
  const sql = `select (select min(wake_at) from tasks where wake_at is not null) as task, (${NEXT_END}) as hold`;
  const { task, hold } = (yield* ctx.row(sql)) as { task: number | null; hold: number | null };
  const nextDue = sooner(task, hold);
  if (nextDue === null || nextDue > now) return { tasks: [], holds: [], next: nextDue };
  const tasks = yield* ctx.tasks("tasks where wake_at <= ? order by wake_at, id limit 1000", [now]);
  const row = yield* ctx.row("select min(wake_at) as next from tasks where wake_at > ?", now);
  const holds = yield* endedHolds(ctx, now);
  const nextHold = holds.length > 0 ? null : hold;
  return { tasks, holds, next: sooner((row?.next as number | null) ?? null, nextHold) };
}

function sooner(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}
