import { waitingStates } from "../../core/machine.ts";
import type { QueueView, Snapshot, View, Waiting, Working } from "../queue-view.ts";
import type { Due } from "../store.ts";
import type { Context } from "./context.ts";
import { endedHolds, NEXT_END, takenNumbers, usedSlots } from "./queues.ts";
import { quoted } from "./reading.ts";
import { type Row, toQueue } from "./rows.ts";

/**
 * The queues that are not held, how full they are, and the first of each that could start. Asked for at every look, so
 * of a queue without a free slot only the queue itself is read, unless it preempts.
 */
export function snapshot(ctx: Context, view: View): Snapshot {
  const used = usedSlots(ctx);
  for (const id of view.leaving) {
    const row = ctx.row("select queue, slots from tasks where id = ? and state = 'working'", id);
    if (row) used.set(row.queue as string, (used.get(row.queue as string) ?? 0) - (row.slots as number));
  }
  const usedInAll = [...used.values()].reduce((sum, slots) => sum + slots, 0);
  const freeInAll = (view.slotsMax ?? Number.POSITIVE_INFINITY) - usedInAll;
  const queues = ctx.rows("select * from queues where held_by is null").map((row): QueueView => {
    const { name, slots, numbered, preempt } = toQueue(row);
    const taken = used.get(name) ?? 0;
    const free = Math.min((slots ?? Number.POSITIVE_INFINITY) - taken, freeInAll);
    const looks = free > 0 || preempt;
    const wanted = preempt ? view.perQueue : Math.min(free, view.perQueue);
    const most = Math.min(slots ?? Number.MAX_SAFE_INTEGER, view.slotsMax ?? Number.MAX_SAFE_INTEGER);
    const waiting = looks ? waitingOf(ctx, name, most, wanted + NEXT) : [];
    return {
      queue: name,
      slots,
      used: taken,
      numbered,
      preempt,
      numbers: numbered && waiting.length > 0 ? takenNumbers(ctx, name, view.leaving) : [],
      waiting,
      working: view.withWorking || (preempt && waiting.length > 0) ? workingOf(ctx, name, view.leaving) : [],
    };
  });
  return { queues, used: usedInAll };
}

/** So many more of each queue are told: they come next. */
const NEXT = 2;

/** The words of the index `tasks_ready`, without which SQLite does not use it. */
const READY = `held = 0 and blocked_by is null and not_before is null
  and (state in (${quoted(waitingStates)}) or resumes_with is not null)`;

function waitingOf(ctx: Context, queue: string, most: number, limit: number): Waiting[] {
  // SQLite plans a query with a limit that is bound again for each value.
  const sql = `select id, state, attempt, priority, slots, slot_numbers, frozen, resumes_with from tasks
    where queue = ? and ${READY} and slots <= ? order by priority desc, id limit ${limit}`;
  return ctx.rows(sql, queue, most).map((row) => ({
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

function workingOf(ctx: Context, queue: string, leaving: ReadonlySet<number>): Working[] {
  const sql = `select id, priority, slots, phase_at, pause_mode, checkpoint is not null or journaled = 1 as continues
    from tasks where queue = ? and state = 'working'`;
  return ctx
    .rows(sql, queue)
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
