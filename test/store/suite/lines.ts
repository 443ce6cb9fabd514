import { describe, expect } from "vitest";
import type { SnapshotOptions } from "../../../src/store/queue-view.ts";
import { onTask, type StoreTest, type World } from "../world.ts";

/** Returns, for each queue with a free slot and queued tasks, how many slots are free and which tasks are queued. */
async function lineOf(world: World) {
  const { queues } = await world.store.snapshot(view());
  return Object.fromEntries(
    queues
      .filter(({ waiting }) => waiting.length > 0)
      .map(({ queue, slots, used, waiting }) => [queue, [(slots as number) - used, ids(waiting)]]),
  );
}

const view = (given: Partial<SnapshotOptions> = {}): SnapshotOptions => ({
  ...{ perQueue: 64, slotsMax: null, leaving: new Set(), withWorking: false },
  ...given,
});

const ids = (tasks: { id: number }[]) => tasks.map(({ id }) => id);

/** Tests of queues: which tasks could start, and which tasks are due. */
export function lines(it: StoreTest): void {
  describe("a queue", () => {
    it("orders its tasks by priority, then by id", async ({ world }) => {
      await world.store.setQueue("default", { slots: 4 });
      const [a, b, c, d, e] = await world.store.create(
        [0, 5, 0, -1, 5].map((priority) => world.seed({ priority })),
      );
      const best = [b, e, a, c].map((one) => one?.task.id);
      expect(await lineOf(world)).toEqual({ default: [4, [...best, d?.task.id]] });
    });

    it("orders a resumed task by its id, before newer tasks", async ({ world }) => {
      const { id } = await world.suspended();
      const later = await world.submit();
      await world.move(id, "resume");
      expect(await lineOf(world)).toEqual({ default: [2, [id, later.id]] });
      const { queues } = await world.store.snapshot(view());
      const plain = { priority: 0, slots: 1, slotNumbers: null, resumesWith: null };
      expect(queues[0]?.waiting).toEqual([
        { id, attempt: 1, state: "resumed", ...plain },
        { id: later.id, attempt: 0, state: "submitted", ...plain },
      ]);
    });

    it("lets a frozen task wait for the slots that it had", async ({ world }) => {
      const begin = { token: "t", runKey: "1.1", bootId: "boot", slotNumbers: [1] };
      const { id } = await world.start((await world.submit()).id, { begin });
      await world.move(id, "suspend", { set: { frozen: true } });
      await world.move(id, "resume");
      const { queues } = await world.store.snapshot(view());
      expect(queues[0]?.waiting[0]).toMatchObject({ id, slotNumbers: [1] });
    });

    it("counts only running tasks, so a pause and a question free a slot", async ({ world }) => {
      const [a, b] = [await world.working(), await world.working()];
      const { id } = await world.submit();
      expect(await lineOf(world)).toEqual({});
      await world.move(a.id, "suspend", { set: { frozen: true } });
      expect(await lineOf(world)).toEqual({ default: [1, [id]] });
      await world.end(b.id, "ask");
      expect(await lineOf(world)).toEqual({ default: [2, [id]] });
    });

    it("offers no held, blocked, delayed, suspended or ended tasks", async ({ world }) => {
      const first = await world.suspended();
      await world.submit({ held: true });
      await world.submit({ after: onTask(first.id) });
      await world.submit({ notBefore: world.now + 1000 });
      await world.ended();
      expect(await lineOf(world)).toEqual({});
    });

    it("has a delayed task due at its exact millisecond", async ({ world }) => {
      const { id } = await world.submit({ notBefore: 5_000_000 });
      const due = async (now: number) => ids((await world.store.due(now)).tasks);
      expect([await due(4_999_999), await due(5_000_000), await lineOf(world)]).toEqual([[], [id], {}]);
      await world.store.update(id, { notBefore: null });
      expect(await lineOf(world)).toEqual({ default: [2, [id]] });
    });

    it("offers a preempted task while it is suspended, by its priority and id", async ({ world }) => {
      const first = await world.working();
      const later = await world.submit();
      await world.end(first.id, "suspend", { set: { resumesWith: "slot" } });
      expect(await lineOf(world)).toEqual({ default: [2, [first.id, later.id]] });
      await world.move(first.id, "resume");
      expect((await world.get(first.id)).resumesWith).toBe(null);
    });

    it("counts the slots that each task takes, and skips a task that takes more than there are", async ({
      world,
    }) => {
      await world.working({ slots: 2 });
      const small = await world.submit();
      expect(await lineOf(world)).toEqual({});
      await world.store.setQueue("default", { slots: 3 });
      const wide = await world.submit({ slots: 3, priority: 9 });
      expect(await lineOf(world)).toEqual({ default: [1, [wide.id, small.id]] });
      const { queues: open } = await world.store.snapshot(view({ leaving: new Set([1]), slotsMax: 2 }));
      expect([open[0]?.used, ids(open[0]?.waiting ?? [])]).toEqual([0, [small.id]]);
    });

    it("refuses a task that takes more slots than it has, with the command that helps", async ({ world }) => {
      await expect(world.submit({ slots: 3 })).rejects.toMatchObject({
        name: "InvalidParams",
        hint: "agentctl queue set default --slots 3",
        data: { field: "slots", slots: 2 },
      });
      await world.store.setQueue("default", { slots: null });
      expect((await world.submit({ slots: 300 })).slots).toBe(300);
    });

    it("refuses a start for which no slot is free any more", async ({ world }) => {
      await world.working({ slots: 2 });
      const { id } = await world.submit();
      const fromQueue = { slotsMax: null, slotNumbers: null };
      await expect(world.start(id, { fromQueue })).rejects.toMatchObject({ name: "IllegalMove" });
      await world.store.setQueue("default", { slots: 3 });
      await expect(world.start(id, { fromQueue: { ...fromQueue, slotsMax: 2 } })).rejects.toMatchObject({
        name: "IllegalMove",
      });
      expect((await world.start(id, { fromQueue })).task.state).toBe("working");
    });

    it("offers no tasks while it is held, but other queues do", async ({ world }) => {
      await world.store.setQueue("gpu", { slots: 1 });
      const [a, b] = [await world.submit(), await world.submit({ queue: "gpu" })];
      await world.store.holdQueue("default", "user");
      expect(await lineOf(world)).toEqual({ gpu: [1, [b.id]] });
      await world.store.holdQueue("default", null);
      expect(await lineOf(world)).toEqual({ default: [2, [a.id]], gpu: [1, [b.id]] });
    });

    it("with fewer slots than are taken starts nothing and stops nothing", async ({ world }) => {
      const working = [await world.working(), await world.working()];
      await world.submit();
      await world.store.setQueue("default", { slots: 1 });
      expect(await lineOf(world)).toEqual({});
      expect((await world.store.queues())[0]).toMatchObject({
        slots: 1,
        working: working.length,
        waiting: 1,
      });
    });

    it("without slots starts nothing", async ({ world }) => {
      await world.submit();
      await world.store.setQueue("default", { slots: 0 });
      expect(await lineOf(world)).toEqual({});
    });

    it("offers only as many tasks as are requested, and two more", async ({ world }) => {
      await world.store.setQueue("default", { slots: 100 });
      await world.store.create(Array.from({ length: 50 }, () => world.seed()));
      // The snapshot has two more tasks, which come next.
      expect((await world.store.snapshot(view({ perQueue: 10 }))).queues[0]?.waiting).toHaveLength(12);
    });
  });

  describe("due tasks", () => {
    it("have a delay, an end of a pause, a planned pause or a deadline, soonest first", async ({ world }) => {
      const { store } = world;
      const delayed = await world.submit({ notBefore: 2_000_040 });
      const paused = await world.suspended();
      const pause = {
        ...{ mode: "checkpoint" as const, outcome: null, cause: "user" as const, actor: "ada" },
        ...{ reason: null, at: 1, until: 2_000_030, group: null },
      };
      await store.update(paused.id, { pause });
      const planned = await world.working();
      const pauseAt = {
        at: 2_000_020,
        mode: "auto" as const,
        graceMs: null,
        until: null,
        actor: "ada",
        reason: null,
      };
      await store.update(planned.id, { pauseAt });
      const asking = await world.working();
      await store.openQuestion(asking.token, world.question("Sure?", { deadline: 2_000_010 }));
      const due = await store.due(2_000_030);
      expect([ids(due.tasks), due.next]).toEqual([[asking.id, planned.id, paused.id], 2_000_040]);
      expect((await store.due(2_000_009)).next).toBe(2_000_010);
      expect(ids((await store.due(3_000_000)).tasks)).toEqual([asking.id, planned.id, paused.id, delayed.id]);
    });

    it("do not include a task that no longer waits", async ({ world }) => {
      const { id } = await world.submit({ notBefore: 2_000_000 });
      await world.move(id, "cancel");
      const resumed = await world.suspended();
      const pause = {
        ...{ mode: "checkpoint" as const, outcome: null, cause: "user" as const, actor: "ada" },
        ...{ reason: null, at: 1, until: 2_000_000, group: null },
      };
      await world.store.update(resumed.id, { pause });
      await world.move(resumed.id, "resume");
      expect(await world.store.due(9_000_000)).toEqual({ tasks: [], holds: [], next: null });
    });

    it("are known to the next daemon", async ({ world }) => {
      const { id } = await world.submit({ notBefore: 2_000_000 });
      await world.backend.reopen();
      expect(ids((await world.store.due(2_000_000)).tasks)).toEqual([id]);
    });
  });

  describe("queues", () => {
    it("are created, changed and counted", async ({ world }) => {
      expect(await world.store.setQueue("gpu", { slots: 1 })).toEqual({ created: true });
      expect(await world.store.setQueue("gpu", { slots: 3 })).toEqual({ created: false });
      await world.working({ queue: "gpu" });
      await world.submit({ queue: "gpu", held: true });
      const plain = { numbered: false, preempt: false, heldBy: null, heldUntil: null };
      expect(await world.store.queues()).toEqual([
        { name: "default", slots: 2, ...plain, used: 0, working: 0, waiting: 0 },
        { name: "gpu", slots: 3, ...plain, used: 1, working: 1, waiting: 1 },
      ]);
      await world.store.setQueue("gpu", { preempt: true });
      await world.store.setQueue("gpu", { numbered: true, slots: null });
      expect((await world.store.queues())[1]).toMatchObject({ slots: null, preempt: true, numbered: true });
      await expect(world.store.setQueue("new", { preempt: true })).rejects.toMatchObject({
        name: "QueueNotFound",
      });
    });

    it("that a user holds stay held until a release, whatever a pause does", async ({ world }) => {
      const held = async () => (await world.store.queues())[0]?.heldBy;
      const { store } = world;
      expect([await store.holdQueue("default", "all"), await store.holdQueue("default", "all")]).toEqual([
        true,
        false,
      ]);
      expect([await store.holdQueue("default", "user"), await held()]).toEqual([true, "user"]);
      await store.releaseHeldBy("all");
      expect([await store.holdQueue("default", "all"), await held()]).toEqual([false, "user"]);
      expect([await store.holdQueue("default", null), await store.holdQueue("default", null)]).toEqual([
        true,
        false,
      ]);
    });

    it("that a pause holds are released by a resume with the same selector, and no others", async ({
      world,
    }) => {
      await world.store.setQueue("gpu", { slots: 1 });
      await world.store.holdQueue("gpu", "queue:gpu");
      await world.store.intend([], { queues: "all", by: "all", until: null });
      await world.store.releaseHeldBy("all");
      expect((await world.store.queues()).map(({ name, heldBy }) => [name, heldBy])).toEqual([
        ["default", null],
        ["gpu", "queue:gpu"],
      ]);
    });

    it("are held by a pause until its time, and a repeated pause sets another time", async ({ world }) => {
      const held = async () => {
        const [{ heldBy, heldUntil } = { heldBy: null, heldUntil: null }] = await world.store.queues();
        return [heldBy, heldUntil];
      };
      const due = async (now: number) => {
        const { holds, next } = await world.store.due(now);
        return [holds, next];
      };
      await world.store.intend([], { queues: "all", by: "all", until: 5000 });
      expect([await held(), await due(4999), await due(5000)]).toEqual([
        ["all", 5000],
        [[], 5000],
        [["all"], null],
      ]);
      await world.store.intend([], { queues: ["default"], by: "queue:default", until: null });
      expect(await held()).toEqual(["all", 5000]);
      await world.store.intend([], { queues: "all", by: "all", until: 9000 });
      expect([await held(), await due(5000)]).toEqual([
        ["all", 9000],
        [[], 9000],
      ]);
      await world.backend.reopen();
      expect(await due(9000)).toEqual([["all"], null]);
      await world.store.releaseHeldBy("all");
      expect([await held(), await due(9000)]).toEqual([
        [null, null],
        [[], null],
      ]);
    });

    it("created while a pause holds all are held by it until its end, and others stay as they were", async ({
      world,
    }) => {
      const { store } = world;
      const held = async () =>
        (await store.queues()).map(({ name, heldBy, heldUntil }) => [name, heldBy, heldUntil]);
      await store.setQueue("own", { slots: 1 });
      await store.holdQueue("default", "queue:default");
      await store.setQueue("free", { slots: 1 });
      await store.intend([], { queues: "all", by: "all", until: 5000 });
      await store.holdQueue("own", null);
      await store.setQueue("gpu", { slots: 1 });
      await store.setQueue("own", { slots: 2 });
      expect(await held()).toEqual([
        ["default", "queue:default", null],
        ["free", "all", 5000],
        ["gpu", "all", 5000],
        ["own", null, null],
      ]);
      await store.releaseHeldBy("all");
      await store.setQueue("late", { slots: 1 });
      expect((await held()).filter(([, by]) => by !== null)).toEqual([["default", "queue:default", null]]);
    });

    it("can be removed if they have no open task, except for the default queue", async ({ world }) => {
      await world.store.setQueue("gpu", { slots: 1 });
      const { id } = await world.submit({ queue: "gpu" });
      await expect(world.store.removeQueue("gpu")).rejects.toMatchObject({ name: "UnsupportedOperation" });
      await world.move(id, "cancel");
      await world.store.removeQueue("gpu");
      await expect(world.store.removeQueue("default")).rejects.toMatchObject({
        name: "UnsupportedOperation",
      });
      expect((await world.store.queues()).map(({ name }) => name)).toEqual(["default"]);
    });

    it("that do not exist are refused as QueueNotFound", async ({ world }) => {
      const unknown = { name: "QueueNotFound", data: { queue: "gpu" } };
      await expect(world.store.holdQueue("gpu", "user")).rejects.toMatchObject(unknown);
      await expect(world.store.holdQueue("gpu", null)).rejects.toMatchObject(unknown);
      await expect(world.store.removeQueue("gpu")).rejects.toMatchObject(unknown);
    });
  });
}
