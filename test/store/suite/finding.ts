import { describe, expect } from "vitest";
import type { ListQuery } from "../../../src/store/store.ts";
import type { StoreTest, World } from "../world.ts";

async function listed(world: World, query: Partial<ListQuery>): Promise<number[]> {
  return (await world.store.list({ limit: 100, ...query })).map(({ id }) => id);
}

/** Tests of finding tasks by id, uuid and name, of lists, counts and events, and of deleted tasks. */
export function finding(it: StoreTest): void {
  describe("an id, a uuid or a name", () => {
    it("finds the task", async ({ world }) => {
      const task = await world.submit({ name: "nightly" });
      for (const ref of [task.id, `${task.id}`, task.uuid, task.uuid.toUpperCase(), "nightly"]) {
        expect(await world.store.find(ref)).toEqual(task);
      }
    });

    it.for([
      "nobody",
      "99",
      99,
      "0195e0a0-0000-7000-8000-000000000000",
      "99999999999999999999",
      "",
      "Nightly",
    ])("that no task has finds no task: %j", async (ref, { world }) => {
      await world.submit({ name: "nightly" });
      expect(await world.store.find(ref)).toBeUndefined();
    });

    it("finds the open task, however many ended tasks have the same name", async ({ world }) => {
      await world.ended({ name: "nightly" });
      const open = await world.submit({ name: "nightly" });
      await world.ended({ name: "nightly" });
      expect((await world.store.find("nightly"))?.id).toBe(open.id);
    });

    it("finds the task that ended last if none is open, even if it is not the newest", async ({ world }) => {
      const older = await world.working({ name: "nightly" });
      await world.ended({ name: "nightly" });
      await world.end(older.id, "fail");
      expect((await world.store.find("nightly"))?.id).toBe(older.id);
    });

    it("is refused with the candidates only if two open tasks have it", async ({ world }) => {
      const [a, b] = [await world.submit({ name: "nightly" }), await world.suspended({ name: "nightly" })];
      await expect(world.store.find("nightly")).rejects.toMatchObject({
        name: "AmbiguousName",
        data: { candidates: [a.id, b.id] },
      });
      await world.move(a.id, "cancel");
      expect((await world.store.find("nightly"))?.id).toBe(b.id);
    });

    it("that looks like a uuid is still a name", async ({ world }) => {
      const name = "0195e0a0-0000-7000-8000-00000000000a";
      const { id } = await world.submit({ name });
      expect((await world.store.find(name))?.id).toBe(id);
    });
  });

  describe("a list", () => {
    it("is sorted by id, in pages", async ({ world }) => {
      const created = await world.store.create(Array.from({ length: 5 }, () => world.seed()));
      const all = created.map(({ task }) => task.id);
      expect(await listed(world, {})).toEqual(all);
      expect(await listed(world, { limit: 2 })).toEqual(all.slice(0, 2));
      expect(await listed(world, { limit: 2, afterId: all[1] as number })).toEqual(all.slice(2, 4));
      expect(await listed(world, { afterId: all[4] as number })).toEqual([]);
    });

    it("is filtered by state, queue, labels, name and age, alone and together", async ({ world }) => {
      await world.store.setQueue("gpu", { slots: 1 });
      const labels = { team: "red", kind: "x" };
      const a = await world.submit({ queue: "gpu", labels, name: "n" });
      const since = world.now;
      const b = await world.submit({ queue: "gpu", labels: { team: "red" } });
      const c = await world.ended({ labels: { team: "blue" } });
      expect(await listed(world, { queue: "gpu" })).toEqual([a.id, b.id]);
      expect(await listed(world, { states: ["completed", "failed"] })).toEqual([c.id]);
      expect(await listed(world, { labels: { team: "red" } })).toEqual([a.id, b.id]);
      expect(await listed(world, { labels })).toEqual([a.id]);
      expect(await listed(world, { name: "n" })).toEqual([a.id]);
      expect(await listed(world, { since })).toEqual([b.id, c.id]);
      expect(
        await listed(world, { since, queue: "gpu", labels: { team: "red" }, states: ["submitted"] }),
      ).toEqual([b.id]);
      expect(await listed(world, { states: [] })).toEqual([]);
    });

    it("compares labels literally, not as patterns or paths", async ({ world }) => {
      const odd = { "a.b": "1", '"': "%", "$[0]": "'", größe: "" };
      const { id } = await world.submit({ labels: odd });
      for (const [key, value] of Object.entries(odd)) {
        expect(await listed(world, { labels: { [key]: value } })).toEqual([id]);
      }
      expect(await listed(world, { labels: { '"': "x" } })).toEqual([]);
    });

    it("of recent tasks has all open ones and those that ended last", async ({ world }) => {
      const slow = await world.working();
      const ended = [await world.ended(), await world.ended(), await world.ended()];
      const open = await world.submit();
      await world.end(slow.id, "complete");
      expect(await listed(world, { recent: 2 })).toEqual([slow.id, ended[2]?.id, open.id]);
      expect(await listed(world, { recent: 0 })).toEqual([open.id]);
      expect(await listed(world, { recent: 2, states: ["submitted"] })).toEqual([open.id]);
    });

    it("of recent tasks is the same in pages", async ({ world }) => {
      const last = await world.working();
      const open = await world.submit();
      await world.ended();
      await world.end(last.id, "complete");
      expect(await listed(world, { recent: 1, limit: 1 })).toEqual([last.id]);
      expect(await listed(world, { recent: 1, afterId: last.id })).toEqual([open.id]);
    });
  });

  it("every state is counted, even if no task is in it", async ({ world }) => {
    await world.submit();
    await world.suspended();
    await world.ended();
    const none = { working: 0, "input-required": 0, resumed: 0, failed: 0, canceled: 0 };
    expect(await world.store.counts()).toEqual({ submitted: 1, suspended: 1, completed: 1, ...none });
  });

  describe("events", () => {
    it("are read after a number, of all tasks or of one, up to a limit", async ({ world }) => {
      const a = await world.ended();
      const b = await world.submit();
      const seqs = async (query: { after: number; task?: number; limit: number }) =>
        (await world.store.events(query)).map(({ seq }) => seq);
      expect(await seqs({ after: 0, limit: 9 })).toEqual([1, 2, 3, 4]);
      expect(await seqs({ after: 1, limit: 2 })).toEqual([2, 3]);
      expect(await seqs({ after: 1, task: a.id, limit: 9 })).toEqual([2, 3]);
      expect(await seqs({ after: 0, task: b.id, limit: 9 })).toEqual([4]);
      expect(await world.store.lastEvent()).toBe(4);
    });
  });

  describe("deleting", () => {
    const by = { at: 5, actor: "ada" };

    it("removes a task with everything that belongs to it, and leaves one event", async ({ world }) => {
      const { id, token } = await world.working({ name: "gone" });
      await world.step(token, "one");
      await world.save(token, "a");
      await world.store.addArtifact(token, { name: "x", size: 1, sha256: "x", createdAt: 1 });
      await world.send(id, "unread");
      const before = await world.end(id, "fail");
      expect(await world.store.delete(id, by)).toEqual(before);
      const { store } = world;
      expect([await store.get(id), await store.find("gone"), await store.attemptOf(token)]).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
      const rest = [store.attempts(id), store.checkpoints(id), store.journal(id), store.artifacts(id)];
      expect((await Promise.all(rest)).flat()).toEqual([]);
      expect(await world.events(id)).toEqual([
        { seq: 4, ...by, task: id, attempt: null, from: "failed", to: null, cause: "delete", data: null },
      ]);
    });

    it("is refused while the task is open, and changes nothing", async ({ world }) => {
      const { id } = await world.suspended();
      await expect(world.store.delete(id, by)).rejects.toMatchObject({
        name: "UnsupportedOperation",
        data: { id, state: "suspended" },
        hint: `agentctl cancel ${id}`,
      });
      expect((await world.get(id)).state).toBe("suspended");
      await expect(world.store.delete(99, by)).rejects.toMatchObject({ name: "TaskNotFound" });
    });
  });

  it("an environment is in use while a task that has it is open", async ({ world }) => {
    await world.suspended({ envHash: "a" });
    const { id } = await world.submit({ envHash: "b" });
    await world.submit({ envHash: "a" });
    expect(await world.store.usedEnvironments()).toEqual(new Set(["a", "b"]));
    await world.move(id, "cancel");
    expect(await world.store.usedEnvironments()).toEqual(new Set(["a"]));
  });
}
