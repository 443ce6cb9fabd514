import { describe, expect } from "vitest";
import { onTask, type StoreTest } from "../world.ts";

/** Tests of submissions: all or none, once for each key, in a queue that exists. */
export function submitting(it: StoreTest): void {
  it("a task is stored as it was given, in the state submitted", async ({ world }) => {
    const given = {
      name: "nightly",
      held: true,
      priority: -3,
      labels: { team: "größe", "a.b": '"' },
      argv: ["printf", "%s\n", "", "'; drop table tasks; --", "\t"],
      input: { deep: [1, null, false] },
      timeoutMs: 5,
      onLost: "fail" as const,
      notBefore: 2_000_000,
    };
    const seed = world.seed(given);
    const [created] = await world.store.create([seed]);
    const { at, actor, ...kept } = seed;
    expect(created?.created).toBe(true);
    expect(await world.get(created?.task.id as number)).toMatchObject({
      ...kept,
      state: "submitted",
      attempt: 0,
      createdAt: at,
      updatedAt: at,
      startedAt: null,
      endedAt: null,
      delay: "time",
      blockedBy: null,
    });
    expect(created?.task).toEqual(await world.get(created?.task.id as number));
  });

  it("many tasks of one batch get ids and events in their order", async ({ world }) => {
    const of = (i: number) => {
      if (i === 120) return { key: "in-the-middle" };
      return i === 200 ? { after: onTask(-1) } : {};
    };
    const seeds = Array.from({ length: 234 }, (_, i) => world.seed({ name: `n${i}`, ...of(i) }));
    const tasks = (await world.store.create(seeds)).map(({ task }) => task);
    const ids = tasks.map(({ id }) => id);
    expect(ids).toEqual(ids.map((_, i) => (ids[0] as number) + i));
    expect(tasks.map(({ name }) => name)).toEqual(ids.map((_, i) => `n${i}`));
    expect(tasks[200]).toMatchObject({ after: onTask(ids[0] as number), blockedBy: ids[0] });
    expect(await world.store.list({ limit: 300 })).toEqual(tasks);
    const events = await world.events();
    expect(events.map(({ task, seq }) => [task, seq])).toEqual(
      ids.map((id, i) => [id, (events[0]?.seq as number) + i]),
    );
  });

  describe("a batch is stored completely or not at all", () => {
    it("an unknown queue refuses all tasks", async ({ world }) => {
      const seeds = [world.seed(), world.seed({ queue: "gpu" }), world.seed()];
      await expect(world.store.create(seeds)).rejects.toMatchObject({
        name: "QueueNotFound",
        data: { queue: "gpu" },
      });
      expect([await world.store.list({ limit: 9 }), await world.events()]).toEqual([[], []]);
    });

    it("an unknown dependency refuses all tasks", async ({ world }) => {
      const seeds = [world.seed(), world.seed({ after: onTask(77) })];
      await expect(world.store.create(seeds)).rejects.toMatchObject({
        name: "TaskNotFound",
        data: { id: 77 },
      });
      expect(await world.store.list({ limit: 9 })).toEqual([]);
    });

    it("an existing uuid refuses all tasks", async ({ world }) => {
      const { uuid } = await world.submit();
      await expect(world.store.create([world.seed(), world.seed({ uuid })])).rejects.toThrow();
      expect(await world.store.list({ limit: 9 })).toHaveLength(1);
    });

    it("an empty batch is accepted", async ({ world }) => {
      expect(await world.store.create([])).toEqual([]);
    });
  });

  describe("a key", () => {
    it("returns the first task for a second submission, whatever its state", async ({ world }) => {
      const first = await world.ended({ key: "deploy-7", name: "a" });
      const [again] = await world.store.create([world.seed({ key: "deploy-7", name: "b" })]);
      expect(again).toEqual({ task: first, created: false });
      expect(await world.events(first.id)).toHaveLength(3);
    });

    it("makes one task of fifty submissions at once", async ({ world }) => {
      const all = await Promise.all(
        Array.from({ length: 50 }, () => world.store.create([world.seed({ key: "once" })])),
      );
      expect(all.flat().filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(all.flat().map(({ task }) => task.id)).size).toBe(1);
    });

    it("makes one task if it is in a batch twice", async ({ world }) => {
      const [a, b] = await world.store.create([world.seed({ key: "k" }), world.seed({ key: "k" })]);
      expect([a?.created, b?.created, a?.task.id === b?.task.id]).toEqual([true, false, true]);
    });

    it("is free again when its task is deleted", async ({ world }) => {
      const { id } = await world.ended({ key: "k" });
      await world.store.delete(id, { at: world.now, actor: "ada" });
      const [again] = await world.store.create([world.seed({ key: "k" })]);
      expect([again?.created, again?.task.id]).toEqual([true, id + 1]);
    });
  });

  describe("ids and event numbers are never used again", () => {
    it("even after all tasks were deleted and the daemon was restarted", async ({ world }) => {
      const { id } = await world.ended();
      await world.store.delete(id, { at: world.now, actor: "ada" });
      const last = await world.store.lastEvent();
      await world.backend.reopen();
      expect((await world.submit()).id).toBe(id + 1);
      expect((await world.events()).at(-1)?.seq).toBe(last + 1);
    });

    it("a refused submission uses no id", async ({ world }) => {
      const { id } = await world.submit();
      await world.store.create([world.seed(), world.seed({ queue: "gpu" })]).catch(() => {});
      expect((await world.submit()).id).toBe(id + 1);
    });
  });

  describe("a task after another one", () => {
    it("is blocked until that one has completed", async ({ world }) => {
      const first = await world.working();
      const second = await world.submit({ after: onTask(first.id) });
      expect(second.blockedBy).toBe(first.id);
      await world.end(first.id, "complete");
      expect(await world.get(second.id)).toMatchObject({ state: "submitted", blockedBy: null });
    });

    it("is free at once if that one has completed, and fails if that one has failed", async ({ world }) => {
      const [done, failed] = [await world.ended(), await world.ended({}, "fail")];
      expect(await world.submit({ after: onTask(done.id) })).toMatchObject({
        state: "submitted",
        blockedBy: null,
      });
      const refused = await world.submit({ after: onTask(failed.id) });
      expect(refused).toMatchObject({
        state: "failed",
        error: { name: "DependencyFailed", data: { on: failed.id, state: "failed" } },
      });
      expect(await world.moves(refused.id)).toEqual([">submitted", "submitted>failed"]);
    });

    it("waits for all if there are several, and names the first open one", async ({ world }) => {
      const [a, b, c] = [await world.working(), await world.working(), await world.ended()];
      const all = [...onTask(c.id), ...onTask(a.id), ...onTask(b.id, "ended")];
      const { id, blockedBy } = await world.submit({ after: all });
      await world.end(a.id, "complete");
      const meanwhile = (await world.get(id)).blockedBy;
      await world.end(b.id, "fail");
      expect([blockedBy, meanwhile, (await world.get(id)).blockedBy]).toEqual([a.id, b.id, null]);
    });

    it("ends as soon as one of several ends differently, even if others are open", async ({ world }) => {
      const [a, b] = [await world.working(), await world.working()];
      const { id } = await world.submit({ after: [...onTask(a.id), ...onTask(b.id)] });
      await world.end(b.id, "fail");
      expect(await world.get(id)).toMatchObject({ state: "failed", error: { data: { on: b.id } } });
    });

    it.for([
      ["ended", "complete", "submitted"],
      ["ended", "fail", "submitted"],
      ["ended", "cancel", "submitted"],
      ["failed", "fail", "submitted"],
      ["failed", "complete", "canceled"],
      ["failed", "cancel", "canceled"],
    ] as const)(
      "under the condition %s, when that one ends by %s, is %s",
      async ([when, how, state], { world }) => {
        const first = await world.working();
        const second = await world.submit({ after: onTask(first.id, when) });
        await world.end(first.id, how);
        const third = await world.submit({ after: onTask(first.id, when) });
        expect([(await world.get(second.id)).state, third.state]).toEqual([state, state]);
        expect((await world.events()).filter(({ cause }) => cause === "dependency").length).toBe(
          state === "canceled" ? 2 : 0,
        );
      },
    );

    it.for(["fail", "cancel"] as const)(
      "fails with that one, and so does the whole chain behind it: %s",
      async (how, { world }) => {
        const first = await world.working();
        const chain = [await world.submit({ after: onTask(first.id) })];
        for (let i = 0; i < 3; i++)
          chain.push(await world.submit({ after: onTask(chain.at(-1)?.id as number) }));
        const beside = await world.submit();
        await world.end(first.id, how);
        const states = await Promise.all(chain.map(async ({ id }) => (await world.get(id)).state));
        expect([...states, (await world.get(beside.id)).state]).toEqual([
          ...Array(4).fill("failed"),
          "submitted",
        ]);
      },
    );

    it("fails in one transaction, even in a chain of thousands", async ({ world }) => {
      const many = world.many(5000);
      const first = await world.working();
      const { id: next } = await world.submit({ after: onTask(first.id) });
      const seeds = Array.from({ length: many }, (_, i) => world.seed({ after: onTask(next + i) }));
      await world.store.create(seeds);
      await world.end(first.id, "fail");
      expect(await world.store.counts()).toMatchObject({ failed: many + 2, submitted: 0 });
    });

    it("stays canceled if it was canceled before", async ({ world }) => {
      const first = await world.working();
      const second = await world.submit({ after: onTask(first.id) });
      await world.move(second.id, "cancel");
      await world.end(first.id, "fail");
      expect(await world.moves(second.id)).toEqual([">submitted", "submitted>canceled"]);
    });
  });

  it("a new task may start from a checkpoint of another one, with the steps before it", async ({ world }) => {
    const old = await world.working({ kind: "module" });
    await world.step(old.token, "read");
    const info = await world.save(old.token, "half");
    await world.end(old.id, "fail");
    const data = await world.store.checkpointData(old.id, info.seq);
    const steps = await world.store.journal(old.id);
    const task = await world.submit({ kind: "module", carried: { checkpoint: { data, info }, steps } });
    expect(task).toMatchObject({ checkpoint: info, journaled: true, state: "submitted" });
    expect(`${await world.store.checkpointData(task.id, info.seq)}`).toBe("half");
    expect(await world.store.journal(task.id)).toEqual(steps);
  });
}
