import { createHash } from "node:crypto";
import { describe, expect } from "vitest";
import { KEPT, type StoreTest, type World } from "../world.ts";

const numbers = async (world: World, id: number) => (await world.store.checkpoints(id)).map(({ seq }) => seq);

/** Tests of checkpoints: bytes with a number, a date and a checksum, which are complete or refused by a named error. */
export function checkpoints(it: StoreTest): void {
  it("a checkpoint is returned as it was saved, with number, size and checksum", async ({ world }) => {
    const { id, token } = await world.working();
    await world.step(token, "one");
    const data = Buffer.from([0, 255, 10, 0]);
    const at = world.now;
    const saved = await world.save(token, data);
    expect(saved).toEqual({
      seq: 1,
      attempt: 1,
      size: 4,
      sha256: createHash("sha256").update(data).digest("hex"),
      createdAt: at,
      label: null,
      position: 1,
      base: 1,
      superseded: false,
    });
    expect([await world.store.checkpointData(id, 1), (await world.get(id)).checkpoint]).toEqual([
      data,
      saved,
    ]);
  });

  it.for([0, 1, 4096, 3_000_000])(
    "a checkpoint of %d bytes is returned unchanged",
    async (size, { world }) => {
      const { id, token } = await world.working();
      const data = Buffer.alloc(size, "agentctl");
      await world.save(token, data);
      await world.backend.reopen();
      expect((await world.store.checkpointData(id, 1)).equals(data)).toBe(true);
    },
  );

  it("only the newest checkpoints are kept, and their numbers continue", async ({ world }) => {
    const { id, token } = await world.working();
    for (const text of ["a", "b", "c", "d", "e"]) await world.save(token, text);
    expect(KEPT).toBe(3);
    expect(await numbers(world, id)).toEqual([3, 4, 5]);
    expect((await world.get(id)).checkpoint?.seq).toBe(5);
  });

  it("checkpoints survive a pause, a resume and the end", async ({ world }) => {
    const { id } = await world.suspended({}, ["a", "b"]);
    const second = await world.again(id);
    await world.save(second.token, "c");
    await world.end(id, "complete");
    expect(await world.store.checkpoints(id)).toMatchObject([
      { seq: 1, attempt: 1 },
      { seq: 2, attempt: 1 },
      { seq: 3, attempt: 2 },
    ]);
  });

  it("the same nonce saves once, even after the store was opened again", async ({ world }) => {
    const { id, token } = await world.working();
    const [a, b] = await Promise.all([
      world.save(token, "a", { nonce: "n" }),
      world.save(token, "a", { nonce: "n" }),
    ]);
    expect(b).toEqual(a);
    await world.backend.reopen();
    expect(await world.save(token, "a", { nonce: "n" })).toEqual(a);
    expect((await world.save(token, "b", { nonce: "other" })).seq).toBe(2);
    expect(await numbers(world, id)).toEqual([1, 2]);
  });

  it("two tasks may use the same nonce", async ({ world }) => {
    const [a, b] = [await world.working(), await world.working()];
    await world.save(a.token, "a", { nonce: "n" });
    await world.save(b.token, "b", { nonce: "n" });
    expect(`${await world.store.checkpointData(b.id, 1)}`).toBe("b");
  });

  it("a save is progress, and resets the count of losses", async ({ world }) => {
    const { id, token } = await world.working();
    await world.store.update(id, { losses: 2 });
    await world.save(token, "a");
    expect((await world.get(id)).losses).toBe(0);
  });

  describe("reading a checkpoint", () => {
    it.for(["flipped", "truncated", "emptied"] as const)(
      "is refused as CheckpointCorrupt if its data is %s, and names the newest good one",
      async (how, { world }) => {
        const { id } = await world.suspended({}, ["good", "bad", "worse"]);
        await world.backend.damage(id, 3, how);
        await expect(world.store.checkpointData(id, 3)).rejects.toMatchObject({
          name: "CheckpointCorrupt",
          data: { id, state: "suspended", seq: 3, good: 2 },
        });
        await world.backend.damage(id, 2, how);
        await expect(world.store.checkpointData(id, 3)).rejects.toMatchObject({ data: { good: 1 } });
        await world.backend.damage(id, 1, how);
        await expect(world.store.checkpointData(id, 3)).rejects.toMatchObject({ data: { good: null } });
      },
    );

    it("is refused as CheckpointNotFound if it is missing", async ({ world }) => {
      const { id } = await world.suspended({}, ["a"]);
      await world.backend.damage(id, 1, "missing");
      await expect(world.store.checkpointData(id, 1)).rejects.toMatchObject({
        name: "CheckpointNotFound",
        data: { id, state: "suspended", seq: 1 },
      });
    });

    it("is refused as TaskNotFound if its task is missing", async ({ world }) => {
      await expect(world.store.checkpointData(99, 1)).rejects.toMatchObject({ name: "TaskNotFound" });
    });
  });

  describe("continuing from an older checkpoint", () => {
    const superseded = async (world: World, id: number) =>
      (await world.store.checkpoints(id)).filter((info) => info.superseded).map(({ seq }) => seq);

    it("supersedes the later ones, which can still be read", async ({ world }) => {
      const { id } = await world.suspended({}, ["a", "b", "c"]);
      const resumed = await world.move(id, "resume", { continueFrom: 1 });
      expect(resumed.checkpoint).toMatchObject({ seq: 1, superseded: false });
      expect([await superseded(world, id), await numbers(world, id)]).toEqual([
        [2, 3],
        [1, 2, 3],
      ]);
      expect(`${await world.store.checkpointData(id, 3)}`).toBe("c");
    });

    it("never names superseded ones as the newest good one, and drops them first", async ({ world }) => {
      const { id } = await world.suspended({}, ["a", "b", "c"]);
      const { token } = await world.again(id, { continueFrom: 1 });
      await world.backend.damage(id, 1, "flipped");
      await expect(world.store.checkpointData(id, 1)).rejects.toMatchObject({ data: { good: null } });
      expect((await world.save(token, "d")).seq).toBe(4);
      await world.save(token, "e");
      expect(await numbers(world, id)).toEqual([1, 4, 5]);
    });

    it("can choose a superseded one, which then counts again", async ({ world }) => {
      const { id } = await world.suspended({}, ["a", "b", "c"]);
      await world.again(id, { continueFrom: 1 });
      await world.end(id, "suspend");
      await world.move(id, "resume", { continueFrom: 2 });
      expect([(await world.get(id)).checkpoint?.seq, await superseded(world, id)]).toEqual([2, [3]]);
    });

    it("supersedes all if the task continues from the start", async ({ world }) => {
      const { id } = await world.suspended({}, ["a", "b"]);
      await world.store.update(id, { progress: { done: 1, total: 2, message: null } });
      const resumed = await world.move(id, "resume", { continueFrom: 0 });
      expect(resumed).toMatchObject({ checkpoint: null, journaled: false, progress: null });
      expect(await superseded(world, id)).toEqual([1, 2]);
    });

    it("is refused if that one was dropped, and forgets nothing", async ({ world }) => {
      const { id, token } = await world.working();
      for (const text of ["a", "b", "c", "d"]) {
        await world.step(token, text);
        await world.save(token, text);
      }
      await world.end(id, "suspend");
      await expect(world.move(id, "resume", { continueFrom: 1 })).rejects.toMatchObject({
        name: "CheckpointNotFound",
        data: { id, seq: 1 },
      });
      expect([(await world.get(id)).state, (await world.store.journal(id)).length]).toEqual(["suspended", 4]);
    });
  });
}
