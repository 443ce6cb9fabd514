/**
 * Decides what to do next. Pure: the input is the state of the queues, the limits and the time; the output is actions.
 *
 * The next task is the one with the highest priority, then the lowest id, of all queues that are not blocked. It starts
 * if it fits. If it does not fit, it blocks the later tasks of its queue, so that it does not starve; if only the limit
 * over all queues prevents it, it blocks every queue. If its queue preempts, working tasks of lower priority are paused
 * for it. A task that takes more slots than exist blocks no other task.
 */
import type { QueueView, Snapshot, Waiting, Working } from "../../store/queue-view.ts";

/** A working task, and what can be done with its attempt. */
export interface Candidate extends Working {
  /** The task can be paused by checkpoint and resumed from it. */
  isPausable: boolean;
  /** The task is being paused or ended, so its slots will become free. */
  isLeaving: boolean;
}

/** The limits for all queues together. */
export interface Limits {
  slotsMax: number | null;
  /** Null if no memory is reserved. */
  memory: { available: number; reserve: number; lastActionAt: number } | null;
}

/** One thing to do now. */
export type Action =
  | { kind: "start"; id: number; slotNumbers: number[] | null }
  /** Queue a task again that was paused for another task or for memory. */
  | { kind: "resume"; id: number; with: "slot" | "memory" }
  | { kind: "preempt"; id: number; for: number }
  | { kind: "relieve"; id: number };

export interface Plan {
  actions: Action[];
}

/** The queues, and what can be done with their working tasks. */
export interface View extends Omit<Snapshot, "queues"> {
  queues: (Omit<QueueView, "working"> & { working: Candidate[] })[];
}

/** How long to wait for the effect of a pause or a resume because of memory, in ms. */
const MEMORY_SETTLES_MS = 3000;
/** Before a task resumes, the available memory must be this multiple of the reserve. */
const MEMORY_MARGIN = 1.05;

export function plan(view: View, limits: Limits, now: number): Plan {
  const { memory } = limits;
  const isShort = memory !== null && memory.available < memory.reserve;
  if (isShort) return { actions: relief(view, memory.lastActionAt, now) };
  const queues = view.queues.map((queue) => new PlannedQueue(queue));
  const totals = { free: (limits.slotsMax ?? Number.POSITIVE_INFINITY) - view.used, freeSoon: 0 };
  for (const queue of queues) totals.freeSoon += queue.freeSoon;
  const mayResume = memory === null || hasRoom(memory, now);
  const actions: Action[] = [];
  let resumed = 0;
  const maxSlots = limits.slotsMax ?? Number.POSITIVE_INFINITY;
  for (let queue = best(queues); queue; queue = best(queues)) {
    const head = queue.head as Waiting;
    if (head.slots > Math.min(queue.maxSlots, maxSlots)) queue.skip();
    else if (head.resumesWith === "memory" && (!mayResume || (memory !== null && resumed > 0)))
      queue.isBlocked = true;
    else if (queue.fits(head) && head.slots <= totals.free) {
      actions.push(queue.start(head));
      totals.free -= head.slots;
      if (head.resumesWith === "memory") resumed++;
    } else {
      const victims = queue.victimsFor(head, totals);
      if (victims) actions.push(...queue.preempt(head, victims, totals));
      // Only the limit over all queues prevents this task. Other queues would take its slots, so we stop here.
      else if (queue.fits(head)) break;
      else queue.isBlocked = true;
    }
  }
  return { actions };
}

/** Returns the action that pauses the youngest task that can be paused; one at a time. */
function relief({ queues }: View, lastActionAt: number, now: number): Action[] {
  const working = queues.flatMap((queue) => queue.working);
  if (now - lastActionAt < MEMORY_SETTLES_MS || working.some(({ isLeaving }) => isLeaving)) return [];
  const [youngest] = working.filter(({ isPausable }) => isPausable).sort(byYouth);
  return youngest ? [{ kind: "relieve", id: youngest.id }] : [];
}

function hasRoom({ available, reserve, lastActionAt }: NonNullable<Limits["memory"]>, now: number): boolean {
  return available >= reserve * MEMORY_MARGIN && now - lastActionAt >= MEMORY_SETTLES_MS;
}

/** Sorts younger tasks first. */
const byYouth = (a: Working, b: Working) => b.since - a.since || b.id - a.id;

/** Returns the queue with the next task of all: higher priority first, then lower id. */
function best(queues: readonly PlannedQueue[]): PlannedQueue | undefined {
  let found: PlannedQueue | undefined;
  for (const queue of queues)
    if (queue.head && !queue.isBlocked && (!found || isBefore(queue, found))) found = queue;
  return found;
}

function isBefore({ head: a }: PlannedQueue, { head: b }: PlannedQueue): boolean {
  if (!a || !b) return a !== undefined;
  return a.priority > b.priority || (a.priority === b.priority && a.id < b.id);
}

/** The state of one queue while the plan is made. */
class PlannedQueue {
  isBlocked = false;
  /** Slots that will become free without any action of the plan. */
  freeSoon: number;
  readonly #queue: View["queues"][number];
  readonly #taken: Set<number>;
  #free: number;
  #position = 0;
  #candidates: Candidate[];

  constructor(queue: View["queues"][number]) {
    this.#queue = queue;
    this.#free = this.maxSlots - queue.used;
    this.#taken = new Set(queue.numbers);
    this.freeSoon = sum(queue.working.filter(({ isLeaving }) => isLeaving));
    this.#candidates = queue.preempt
      ? queue.working
          .filter(({ isPausable, isLeaving }) => isPausable && !isLeaving)
          .sort((a, b) => a.priority - b.priority || byYouth(a, b))
      : [];
  }

  /** All slots of the queue. */
  get maxSlots(): number {
    return this.#queue.slots ?? Number.POSITIVE_INFINITY;
  }

  get head(): Waiting | undefined {
    return this.#queue.waiting[this.#position];
  }

  skip(): void {
    this.#position++;
  }

  fits({ slots, slotNumbers }: Waiting): boolean {
    return slots <= this.#free && (slotNumbers ?? []).every((number) => !this.#taken.has(number));
  }

  start(head: Waiting): Action {
    this.#position++;
    this.#free -= head.slots;
    if (head.resumesWith !== null) return { kind: "resume", id: head.id, with: head.resumesWith };
    const slotNumbers = head.slotNumbers ?? (this.#queue.numbered ? this.#lowest(head.slots) : null);
    for (const number of slotNumbers ?? []) this.#taken.add(number);
    return { kind: "start", id: head.id, slotNumbers };
  }

  /** Returns the working tasks to pause so that `head` fits; undefined if even all of them do not free enough slots. */
  victimsFor(head: Waiting, totals: { free: number; freeSoon: number }): Candidate[] | undefined {
    // Slot numbers that other tasks hold become free only when exactly those tasks leave, so we cannot choose.
    if (!this.#queue.preempt || head.slotNumbers !== null) return undefined;
    const missing = Math.max(
      head.slots - this.#free - this.freeSoon,
      head.slots - totals.free - totals.freeSoon,
    );
    const victims: Candidate[] = [];
    for (const candidate of this.#candidates) {
      if (sum(victims) >= missing || candidate.priority >= head.priority) break;
      victims.push(candidate);
    }
    return sum(victims) >= missing ? victims : undefined;
  }

  /** Returns the pauses of the victims, and reserves for `head` the slots that they and others will free. */
  preempt(
    head: Waiting,
    victims: readonly Candidate[],
    totals: { free: number; freeSoon: number },
  ): Action[] {
    this.#position++;
    this.#candidates = this.#candidates.filter((candidate) => !victims.includes(candidate));
    const freed = sum(victims);
    const fromSoon = Math.min(head.slots, this.freeSoon + freed);
    this.freeSoon += freed - fromSoon;
    totals.freeSoon += freed - fromSoon;
    this.#free -= head.slots - fromSoon;
    totals.free -= head.slots - fromSoon;
    return victims.map(({ id }) => ({ kind: "preempt", id, for: head.id }));
  }

  #lowest(count: number): number[] {
    const numbers: number[] = [];
    for (let number = 0; numbers.length < count; number++) if (!this.#taken.has(number)) numbers.push(number);
    return numbers;
  }
}

function sum(tasks: readonly { slots: number }[]): number {
  return tasks.reduce((total, { slots }) => total + slots, 0);
}
