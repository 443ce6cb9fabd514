import { describe, expect, test } from "vitest";
import {
  type Action,
  type Candidate,
  type Limits,
  plan,
  type View,
} from "../../../../src/engine/schedule/plan.ts";
import type { Waiting } from "../../../../src/store/queue-view.ts";

type QueueOf = View["queues"][number];
const NOW = 1_000_000;
const free: Limits = { slotsMax: null, memory: null };

function waits(id: number, given: Partial<Waiting> = {}): Waiting {
  const plain = { state: "submitted" as const, attempt: 0, priority: 0, slots: 1 };
  return { id, ...plain, slotNumbers: null, resumesWith: null, ...given };
}

function works(id: number, given: Partial<Candidate> = {}): Candidate {
  const plain = { priority: 0, slots: 1, since: id, continues: true, pauseMode: "auto" as const };
  return { id, ...plain, isPausable: true, isLeaving: false, ...given };
}

function queueOf(slots: number | null, given: Partial<QueueOf> = {}): QueueOf {
  const working = given.working ?? [];
  const used = working.reduce((sum, task) => sum + task.slots, 0);
  const plain = { queue: "a", used, numbered: false, preempt: false, numbers: [], waiting: [], working };
  return { slots, ...plain, ...given };
}

function viewOf(...queues: QueueOf[]): View {
  return { queues, used: queues.reduce((sum, { used }) => sum + used, 0) };
}

/** Returns the actions of the plan as text: `start 3`, `preempt 1`. */
function planned(view: View, limits: Partial<Limits> = {}): string[] {
  const { actions } = plan(view, { ...free, ...limits }, NOW);
  return actions.map((action) => {
    const numbers =
      action.kind === "start" && action.slotNumbers ? ` at ${action.slotNumbers.join(",")}` : "";
    return `${action.kind} ${action.id}${numbers}`;
  });
}

describe("a queue", () => {
  test("starts as many tasks as it has free slots, by priority, then by id", () => {
    const waiting = [waits(5, { priority: 1 }), waits(1), waits(9)];
    expect(planned(viewOf(queueOf(2, { waiting })))).toEqual(["start 5", "start 1"]);
    expect(planned(viewOf(queueOf(null, { waiting })))).toEqual(["start 5", "start 1", "start 9"]);
  });

  test.each([0, -3])("with %d free slots starts no task", (free) => {
    expect(planned(viewOf(queueOf(4, { used: 4 - free, waiting: [waits(1)] })))).toEqual([]);
  });

  test("keeps slots free for a next task that takes several", () => {
    const waiting = [waits(1, { slots: 2 }), waits(2)];
    expect(planned(viewOf(queueOf(2, { used: 1, waiting })))).toEqual([]);
    expect(planned(viewOf(queueOf(3, { used: 0, waiting })))).toEqual(["start 1", "start 2"]);
  });

  test("skips a task that takes more slots than the queue has", () => {
    const waiting = [waits(1, { slots: 3 }), waits(2)];
    expect(planned(viewOf(queueOf(2, { waiting })))).toEqual(["start 2"]);
  });

  test("that is full does not block other queues", () => {
    const full = queueOf(1, { used: 1, waiting: [waits(1, { priority: 9 })] });
    expect(planned(viewOf(full, queueOf(1, { queue: "b", waiting: [waits(2)] })))).toEqual(["start 2"]);
  });
});

describe("a numbered queue", () => {
  test("gives the lowest free numbers", () => {
    const waiting = [waits(1, { slots: 2 }), waits(2)];
    const queue = queueOf(5, { used: 2, numbered: true, numbers: [0, 2], waiting });
    expect(planned(viewOf(queue))).toEqual(["start 1 at 1,3", "start 2 at 4"]);
  });

  test("lets a frozen task wait for its own slot number, and the tasks behind it too", () => {
    const waiting = [waits(1, { slotNumbers: [0] }), waits(2)];
    const queue = (numbers: number[]) => queueOf(3, { used: 1, numbered: true, numbers, waiting });
    expect(planned(viewOf(queue([0])))).toEqual([]);
    expect(planned(viewOf(queue([1])))).toEqual(["start 1 at 0", "start 2 at 2"]);
  });
});

describe("the limit over all queues", () => {
  const a = queueOf(9, { waiting: [waits(1), waits(4, { priority: 5 })].reverse() });
  const b = queueOf(9, { queue: "b", waiting: [waits(2, { priority: 5 }), waits(3)] });

  test("starts tasks of all queues by priority, then by id", () => {
    expect(planned(viewOf(a, b), { slotsMax: 3 })).toEqual(["start 2", "start 4", "start 1"]);
    expect(planned(viewOf(a, b), { slotsMax: 0 })).toEqual([]);
  });

  test("keeps slots free for the next task of all queues if it takes several", () => {
    const wide = queueOf(9, { waiting: [waits(1, { slots: 2 })] });
    const small = queueOf(9, { queue: "b", used: 1, waiting: [waits(2)] });
    expect(planned(viewOf(wide, small), { slotsMax: 2 })).toEqual([]);
    expect(planned(viewOf(wide, small), { slotsMax: 3 })).toEqual(["start 1"]);
    // It takes more slots than the limit, so it does not block other tasks.
    expect(planned(viewOf(wide, queueOf(9, { waiting: [waits(2)] })), { slotsMax: 1 })).toEqual(["start 2"]);
  });
});

describe("a queue that preempts", () => {
  const urgent = waits(9, { priority: 5 });
  const full = (working: Candidate[], waiting = [urgent]) =>
    viewOf(queueOf(working.length, { preempt: true, working, waiting }));

  test("pauses the task of lowest priority, and among equals the youngest", () => {
    const working = [works(1, { priority: 1 }), works(2), works(3), works(4, { priority: 2 })];
    expect(planned(full(working))).toEqual(["preempt 3"]);
  });

  test.each([
    ["tasks of equal priority", { priority: 5 }],
    ["tasks of higher priority", { priority: 6 }],
    ["tasks that cannot be paused by checkpoint", { isPausable: false }],
  ])("never pauses %s", (_, given) => {
    expect(planned(full([works(1, given)]))).toEqual([]);
  });

  test("waits for a task that already leaves, and pauses no other one", () => {
    expect(planned(full([works(1, { isLeaving: true }), works(2)]))).toEqual([]);
  });

  test("pauses several tasks for one that takes several slots, or none if they are too few", () => {
    const wide = waits(9, { priority: 5, slots: 2 });
    expect(planned(full([works(1), works(2), works(3)], [wide]))).toEqual(["preempt 3", "preempt 2"]);
    expect(planned(full([works(1), works(2, { isPausable: false })], [wide]))).toEqual([]);
  });

  test("keeps the freed slots for the task that preempts", () => {
    const waiting = [urgent, waits(10, { priority: 4 }), waits(11)];
    expect(planned(full([works(1), works(2)], waiting))).toEqual(["preempt 2", "preempt 1"]);
  });

  test("resumes a preempted task before tasks of lower priority start", () => {
    const waiting = [waits(2, { resumesWith: "slot", priority: 1 }), waits(1)];
    expect(planned(viewOf(queueOf(1, { preempt: true, waiting })))).toEqual(["resume 2"]);
  });
});

describe("a plan when memory is short", () => {
  const memory = { available: 5, reserve: 10, lastActionAt: 0 };
  const queue = queueOf(9, {
    waiting: [waits(9)],
    working: [works(1), works(2), works(3, { isPausable: false })],
  });

  test("pauses the youngest task that can be paused, one at a time, and starts nothing", () => {
    expect(planned(viewOf(queue), { memory })).toEqual(["relieve 2"]);
    expect(planned(viewOf(queue), { memory: { ...memory, lastActionAt: NOW - 1 } })).toEqual([]);
    const leaving = { ...queue, working: [works(1), works(2, { isLeaving: true })] };
    expect(planned(viewOf(leaving), { memory })).toEqual([]);
  });

  test("resumes the paused tasks one at a time when there is memory again", () => {
    const paused = [waits(1, { resumesWith: "memory" }), waits(2, { resumesWith: "memory" })];
    const view = viewOf(queueOf(9, { waiting: paused }));
    expect(planned(view, { memory: { ...memory, available: 10 } })).toEqual([]);
    expect(planned(view, { memory: { ...memory, available: 11 } })).toEqual(["resume 1"]);
    expect(planned(view)).toEqual(["resume 1", "resume 2"]);
  });
});

describe("random queues", () => {
  /** Returns a small random generator, so that the seed repeats a failure. */
  function randomOf(seed: number) {
    let state = seed * 2_654_435_761 + 1;
    return (below: number) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      return (state >>> 8) % below;
    };
  }

  interface Model {
    queues: { slots: number | null; preempt: boolean; waiting: Waiting[]; working: Candidate[] }[];
    slotsMax: number | null;
  }

  function modelOf(seed: number): Model {
    const random = randomOf(seed);
    let id = 0;
    const queues = Array.from({ length: 1 + random(4) }, () => ({
      slots: random(6) === 0 ? null : random(6),
      preempt: random(2) === 0,
      waiting: Array.from({ length: random(8) }, () =>
        waits(++id, { priority: random(3), slots: 1 + random(3) }),
      ),
      working: [] as Candidate[],
    }));
    return { queues, slotsMax: random(3) === 0 ? null : 1 + random(8) };
  }

  const byOrder = (a: Waiting, b: Waiting) => b.priority - a.priority || a.id - b.id;
  const total = (tasks: readonly { slots: number }[]) => tasks.reduce((sum, { slots }) => sum + slots, 0);
  const all = ({ queues }: Model) => queues.flatMap(({ working }) => working);

  function viewOfModel({ queues }: Model): View {
    return viewOf(
      ...queues.map(({ slots, preempt, waiting, working }, at) =>
        queueOf(slots, { queue: `${at}`, preempt, working, waiting: [...waiting].sort(byOrder) }),
      ),
    );
  }

  /** Throws if a rule does not hold. It is called millions of times, for which `expect` is too slow. */
  function must(holds: boolean, otherwise: string): void {
    if (!holds) throw new Error(otherwise);
  }

  /** Carries out the plan as the engine would, and checks what must hold for every plan. */
  function step(model: Model, time: number, random: (below: number) => number): Action[] {
    const limits = { ...free, slotsMax: model.slotsMax };
    const { actions } = plan(viewOfModel(model), limits, time);
    for (const queue of model.queues) {
      for (const action of actions) {
        const found = queue.waiting.find(({ id }) => id === action.id);
        const victim = queue.working.find(({ id }) => id === action.id);
        if (action.kind === "preempt" && victim) {
          const urgent = queue.waiting.find(({ id }) => id === action.for);
          // Preemption pauses neither tasks of equal priority nor tasks that cannot be paused.
          must(urgent !== undefined && victim.priority < urgent.priority, "preemption swaps equals");
          must(victim.isPausable, "what cannot be paused is preempted");
          victim.isLeaving = true;
        }
        if (found && (action.kind === "start" || action.kind === "resume")) {
          queue.waiting = queue.waiting.filter((one) => one !== found);
          const { id, priority, slots } = found;
          queue.working.push(works(id, { priority, slots, since: time, isPausable: random(2) === 0 }));
        }
      }
      must(total(queue.working) <= (queue.slots ?? Number.POSITIVE_INFINITY), "a queue is over its limit");
    }
    must(
      total(all(model)) <= (model.slotsMax ?? Number.POSITIVE_INFINITY),
      "all queues are over their limit",
    );
    return actions;
  }

  /** Checks that no slot is free if the next task would fit. */
  function expectNoneLeft(model: Model): void {
    const most = model.slotsMax ?? Number.POSITIVE_INFINITY;
    const couldRun = (queue: Model["queues"][number]) =>
      queue.waiting.filter(({ slots }) => slots <= Math.min(queue.slots ?? Number.POSITIVE_INFINITY, most));
    const heads = model.queues.flatMap((queue) => {
      const [head] = couldRun(queue).sort(byOrder);
      const isFree = head && total(queue.working) + head.slots <= (queue.slots ?? Number.POSITIVE_INFINITY);
      const isPromised = queue.working.some(({ isLeaving }) => isLeaving);
      return isFree && !isPromised ? [head] : [];
    });
    const isPromised = all(model).some(({ isLeaving }) => isLeaving);
    const [next] = heads.sort(byOrder);
    const isLeft = next !== undefined && !isPromised && total(all(model)) + next.slots <= most;
    must(!isLeft, "a slot is free beside a task that fits and is next");
  }

  test("never exceed a limit, leave no slot free if the next task fits, and starve no task", () => {
    let preempted = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const model = modelOf(seed);
      const random = randomOf(seed + 7);
      const most = model.slotsMax ?? Number.POSITIVE_INFINITY;
      for (let time = 1; time < 400; time++) {
        const [queue] = model.queues;
        if (time < 100) queue?.waiting.push(waits(100 + time, { priority: random(4), slots: 1 + random(3) }));
        preempted += step(model, time, random).filter(({ kind }) => kind === "preempt").length;
        expectNoneLeft(model);
        for (const queue of model.queues) {
          // A preempted task is queued by its priority and id.
          const left = queue.working.filter(({ isLeaving }) => isLeaving);
          queue.working = queue.working.filter((task) => !left.includes(task));
          queue.waiting.push(
            ...left.map(({ id, priority, slots }) => waits(id, { priority, slots, resumesWith: "slot" })),
          );
        }
        const working = all(model);
        if (working.length === 0) continue;
        const ended = working[random(working.length)];
        for (const queue of model.queues) queue.working = queue.working.filter((task) => task !== ended);
      }
      const stuck = model.queues.flatMap((queue) =>
        queue.waiting.filter(({ slots }) => slots <= Math.min(queue.slots ?? Number.POSITIVE_INFINITY, most)),
      );
      expect(stuck, `seed ${seed}`).toEqual([]);
    }
    expect(preempted).toBeGreaterThan(100);
  });
});

test("a plan for 50 queues with 10,000 queued tasks takes less than 2 ms", () => {
  const queues = Array.from({ length: 50 }, (_, at) =>
    queueOf(4, {
      queue: `${at}`,
      used: 3,
      waiting: Array.from({ length: 6 }, (_, n) => waits(at * 200 + n)),
    }),
  );
  const view = viewOf(...queues);
  const times = Array.from({ length: 50 }, () => {
    const began = process.hrtime.bigint();
    plan(view, { ...free, slotsMax: 1000 }, NOW);
    return Number(process.hrtime.bigint() - began) / 1e6;
  });
  expect(Math.min(...times)).toBeLessThan(2);
});
