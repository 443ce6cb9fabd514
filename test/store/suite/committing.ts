import { describe, expect } from "vitest";
import type { TaskEvent } from "../../../src/core/task.ts";
import { outcomes, type StoreTest } from "../world.ts";

const big = "x".repeat(1_000_000);

/** Tests that writes of one turn share a transaction, and that a refused write has no effect. */
export function committing(it: StoreTest): void {
  describe("writes of one turn", () => {
    it("are kept if another one of them is refused", async ({ world }) => {
      const { id } = await world.submit();
      const all = [
        world.submit({ name: "before" }),
        world.submit({ queue: "nowhere" }),
        world.move(id, "resume"),
        world.step("nobody", "x"),
        world.submit({ name: "behind" }),
      ];
      expect(await outcomes(all)).toEqual({
        held: 2,
        refused: ["QueueNotFound", "IllegalMove", "StaleAttempt"],
      });
      expect((await world.store.list({ limit: 9 })).map(({ name }) => name)).toEqual([
        null,
        "before",
        "behind",
      ]);
      expect((await world.events()).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    });

    it("are undone as a whole if they are refused halfway", async ({ world }) => {
      const refused = world.store.create([world.seed({ name: "half" }), world.seed({ queue: "nowhere" })]);
      const { held } = await outcomes([world.submit({ name: "whole" }), refused]);
      expect([held, (await world.store.list({ limit: 9 })).map(({ name }) => name)]).toEqual([1, ["whole"]]);
    });

    it("see what the writes before them did", async ({ world }) => {
      const { id } = await world.submit();
      const [, attempt] = await Promise.all([world.store.update(id, { held: true }), world.start(id)]);
      expect(attempt.task.held).toBe(true);
      await Promise.all([world.step(attempt.token, "a"), world.save(attempt.token, "x")]);
      expect((await world.store.checkpoints(id))[0]?.position).toBe(1);
    });

    it("are all there for the next daemon, even a thousand", async ({ world }) => {
      const many = world.many(1000);
      await Promise.all(Array.from({ length: many }, () => world.submit()));
      await world.backend.reopen();
      expect((await world.store.counts()).submitted).toBe(many);
    });

    it("are written before the store closes", async ({ world }) => {
      const waiting = world.submit({ name: "last" });
      await world.backend.reopen();
      expect(await world.store.find("last")).toEqual(await waiting);
    });
  });

  describe("a full disk", () => {
    const reason = expect.stringMatching(/^the disk (of the database server )?is full$/);
    const full = { name: "StoreUnavailable", exitCode: 6, data: { reason } };

    it("refuses the whole turn, and keeps all that was acknowledged", async ({ world }) => {
      const { id, token } = await world.working();
      await world.save(token, "small");
      const before = [
        await world.store.list({ limit: 9 }),
        await world.events(),
        await world.store.checkpoints(id),
      ];
      await world.backend.fillDisk();
      const turn = [world.submit(), world.save(token, big), world.submit()];
      expect(await outcomes(turn)).toEqual({ held: 0, refused: Array(3).fill("StoreUnavailable") });
      await world.backend.reopen();
      const { store } = world;
      expect([await store.list({ limit: 9 }), await world.events(), await store.checkpoints(id)]).toEqual(
        before,
      );
    });

    it("is named in the error, and writes succeed again when there is space", async ({ world }) => {
      const { id, token } = await world.working();
      const makeRoom = await world.backend.fillDisk();
      await expect(world.save(token, big)).rejects.toMatchObject(full);
      await expect(world.save(token, big)).rejects.toMatchObject(full);
      expect((await world.get(id)).checkpoint).toBeNull();
      await makeRoom();
      expect((await world.save(token, big)).seq).toBe(1);
      expect((await world.store.checkpointData(id, 1)).length).toBe(big.length);
    });

    it("does not affect reads", async ({ world }) => {
      const { id, token } = await world.working();
      await world.backend.fillDisk();
      await world.save(token, big).catch(() => {});
      expect([(await world.get(id)).state, (await world.events(id)).length]).toEqual(["working", 2]);
    });

    it("reports no event that was not written", async ({ world }) => {
      const told: TaskEvent[] = [];
      world.store.onEvents((events) => told.push(...events));
      const makeRoom = await world.backend.fillDisk();
      const turn = [world.submit(), world.submit({ labels: { x: big } })];
      expect((await outcomes(turn)).held).toBe(0);
      expect(told).toEqual([]);
      await makeRoom();
      await world.submit();
      expect(told.map(({ seq }) => seq)).toEqual([1]);
    });
  });

  describe("a listener for events", () => {
    it("gets each event once, in order, as it was written", async ({ world }) => {
      const told: TaskEvent[] = [];
      world.store.onEvents((events) => told.push(...events));
      const { id } = await world.ended();
      await Promise.all([world.submit(), world.move(id, "cancel").catch(() => {}), world.submit()]);
      expect(told).toEqual(await world.events());
    });

    it("gets all events of a large batch", async ({ world }) => {
      let told = 0;
      world.store.onEvents((events) => {
        told += events.length;
      });
      const many = world.many(12_000);
      await world.store.create(Array.from({ length: many }, () => world.seed()));
      expect(told).toBe(many);
    });

    it("gets no event from before it was added", async ({ world }) => {
      await world.submit();
      const told: number[] = [];
      (await world.backend.reopen()).onEvents((events) => told.push(...events.map(({ seq }) => seq)));
      await world.submit();
      expect(told).toEqual([2]);
    });
  });
}
