import { describe, expect } from "vitest";
import { outcomes, type StoreTest, type World } from "../world.ts";

const names = async (world: World, id: number) => (await world.store.journal(id)).map(({ name }) => name);
const key = (n: number, base = 0) => ({
  kind: "messages" as const,
  name: "messages",
  n,
  base,
  call: n,
  alone: true,
});

/** Tests that steps, messages, questions and artifacts are kept once and in order. */
export function journal(it: StoreTest): void {
  describe("a step", () => {
    it("is acknowledged once, and a repeat returns the first result", async ({ world }) => {
      const { id, token } = await world.working();
      expect(await world.step(token, "read", { result: "1" })).toEqual({ result: "1", added: true });
      expect(await world.step(token, "read", { result: "2" })).toEqual({ result: "1", added: false });
      expect(await world.store.journal(id)).toMatchObject([
        { name: "read", result: "1", position: 1, attempt: 1 },
      ]);
    });

    it("is journaled once for fifty acknowledgements in one turn", async ({ world }) => {
      const { id, token } = await world.working();
      const all = await Promise.all(
        Array.from({ length: 50 }, (_, i) => world.step(token, "read", { result: `${i}` })),
      );
      expect(all.filter(({ added }) => added)).toHaveLength(1);
      expect(new Set(all.map(({ result }) => result))).toEqual(new Set(["0"]));
      expect(await names(world, id)).toEqual(["read"]);
    });

    it("is journaled in the order of acknowledgements, not of calls", async ({ world }) => {
      const { id, token } = await world.working();
      for (const [name, call] of [
        ["c", 2],
        ["a", 0],
        ["b", 1],
      ] as const)
        await world.step(token, name, { call });
      const steps = await world.store.journal(id);
      expect(steps.map(({ name, position, call }) => [name, position, call])).toEqual([
        ["c", 1, 2],
        ["a", 2, 0],
        ["b", 3, 1],
      ]);
    });

    it("among several that are reported at once is journaled in order, unless it is known", async ({
      world,
    }) => {
      const { id, token } = await world.working();
      await world.step(token, "b", { result: "1" });
      const all = ["a", "b", "c"].map((name, call) => world.ofStep(name, { call, result: "2" }));
      await world.store.acknowledgeAll(token, all);
      await world.store.acknowledgeAll(token, all);
      const steps = await world.store.journal(id);
      expect(steps.map(({ name, position, result }) => [name, position, result])).toEqual([
        ["b", 1, "1"],
        ["a", 2, "2"],
        ["c", 3, "2"],
      ]);
      expect(await world.store.get(id)).toMatchObject({ journaled: true });
    });

    it("is identified by kind, name, number and base together", async ({ world }) => {
      const { id, token } = await world.working();
      const keys = [{}, { n: 1 }, { base: 1 }, { kind: "sleep" as const }, { kind: "ask" as const }];
      for (const each of keys) expect((await world.step(token, "x", each)).added).toBe(true);
      expect((await world.step(token, "X")).added).toBe(true);
      expect((await world.step(token, "x", { n: 1 })).added).toBe(false);
      expect(await world.store.journal(id)).toHaveLength(6);
    });

    it("of another task is another step", async ({ world }) => {
      const [a, b] = [await world.working(), await world.working()];
      await world.step(a.token, "x", { result: "1" });
      expect(await world.step(b.token, "x", { result: "2" })).toEqual({ result: "2", added: true });
    });

    it("stays known in the next attempt, and records its own attempt", async ({ world }) => {
      const { id, token } = await world.working();
      await world.step(token, "one");
      await world.end(id, "suspend");
      const second = await world.again(id);
      expect((await world.step(second.token, "one")).added).toBe(false);
      await world.step(second.token, "two");
      expect((await world.store.journal(id)).map(({ attempt }) => attempt)).toEqual([1, 2]);
    });

    it("is progress, and lets the task continue later", async ({ world }) => {
      const { id, token } = await world.working();
      await world.store.update(id, { losses: 2 });
      await world.step(token, "one");
      expect(await world.get(id)).toMatchObject({ losses: 0, journaled: true });
    });

    it("is listed for people without its result", async ({ world }) => {
      const { id, token } = await world.working();
      await world.step(token, "secret", { result: '"hunter2"' });
      expect(JSON.stringify(await world.store.stepsOf(id))).not.toContain("hunter2");
      expect(await world.store.stepsOf(id)).toMatchObject([{ name: "secret", size: 9, n: 0 }]);
    });
  });

  describe("a resume", () => {
    it("from a checkpoint forgets the steps after it, and their names are free again", async ({ world }) => {
      const { id, token } = await world.working();
      await world.step(token, "one");
      await world.save(token, "a", { base: 0 });
      await world.step(token, "two");
      await world.save(token, "b", { base: 0 });
      await world.step(token, "three");
      await world.end(id, "suspend");
      const { token: second } = await world.again(id, { continueFrom: 1 });
      expect(await names(world, id)).toEqual(["one"]);
      expect(await world.step(second, "two", { result: "2" })).toEqual({ result: "2", added: true });
      expect((await world.store.journal(id)).map(({ position }) => position)).toEqual([1, 2]);
    });

    it("from the start forgets all steps", async ({ world }) => {
      const { id, token } = await world.working();
      await world.step(token, "one");
      await world.save(token, "a");
      await world.end(id, "suspend");
      await world.move(id, "resume", { continueFrom: 0 });
      expect([await names(world, id), (await world.get(id)).journaled]).toEqual([[], false]);
    });

    it("without a chosen checkpoint forgets nothing", async ({ world }) => {
      const { id, token } = await world.working();
      await world.step(token, "one");
      await world.save(token, "a");
      await world.step(token, "two");
      await world.end(id, "suspend");
      await world.again(id);
      expect(await names(world, id)).toEqual(["one", "two"]);
    });
  });

  describe("messages", () => {
    it("are delivered once, in order, even across a pause and a restart of the daemon", async ({ world }) => {
      const { id } = await world.suspended();
      await world.send(id, "a");
      await world.send(id, "b");
      await world.backend.reopen();
      const { token } = await world.again(id);
      expect(await world.store.takeMessages(token, null, 1)).toEqual(["a", "b"]);
      await world.send(id, "c");
      expect(await world.store.takeMessages(token, null, 1)).toEqual(["c"]);
      expect(await world.store.takeMessages(token, null, 1)).toEqual([]);
    });

    it("that are journaled are the same when the module runs again", async ({ world }) => {
      const { id, token } = await world.working();
      await world.send(id, "a");
      expect(await world.store.takeMessages(token, key(0), 1)).toEqual(["a"]);
      await world.send(id, "b");
      expect(await world.store.takeMessages(token, key(0), 1)).toEqual(["a"]);
      expect(await world.store.takeMessages(token, key(1), 1)).toEqual(["b"]);
      expect(await world.store.journal(id)).toMatchObject([{ result: '["a"]' }, { result: '["b"]' }]);
    });

    it("that were taken after the chosen checkpoint are delivered again", async ({ world }) => {
      const { id, token } = await world.working();
      await world.send(id, "before");
      await world.store.takeMessages(token, key(0), 1);
      await world.save(token, "a");
      await world.send(id, "after");
      await world.store.takeMessages(token, key(1), 1);
      await world.end(id, "suspend");
      const second = await world.again(id, { continueFrom: 1 });
      await world.send(id, "new");
      expect(await world.store.takeMessages(second.token, key(0, 1), 1)).toEqual(["after", "new"]);
    });

    it("that were journaled are all delivered again after a resume from the start", async ({ world }) => {
      const { id, token } = await world.working();
      await world.send(id, "a");
      await world.store.takeMessages(token, key(0), 1);
      await world.end(id, "suspend");
      const second = await world.again(id, { continueFrom: 0 });
      expect(await world.store.takeMessages(second.token, key(0), 1)).toEqual(["a"]);
    });

    it("wait for a task in any open state, and are refused when it has ended", async ({ world }) => {
      const [waits, ended] = [await world.submit(), await world.ended()];
      expect(await world.send(waits.id, "a")).toBeLessThan(await world.send(waits.id, "b"));
      await expect(world.send(ended.id, "x")).rejects.toMatchObject({
        name: "TaskImmutable",
        data: { id: ended.id, state: "completed" },
      });
      await expect(world.send(99, "x")).rejects.toMatchObject({ name: "TaskNotFound" });
    });

    it("do not wake a paused task", async ({ world }) => {
      const { id } = await world.suspended();
      const before = await world.get(id);
      await world.send(id, "a");
      expect(await world.get(id)).toEqual(before);
    });
  });

  describe("a question", () => {
    const answer = (world: World, id: number, text = "yes") =>
      world.store.answer(id, { text, at: world.now++, actor: "ada" });

    it("that is answered puts the task back into the queue, and the answer into the journal", async ({
      world,
    }) => {
      const { id, token } = await world.working();
      const question = world.question("Publish?");
      expect(await world.store.openQuestion(token, question)).toBeNull();
      await world.end(id, "ask");
      const answered = await answer(world, id);
      expect(answered).toMatchObject({ question, task: { state: "submitted", question: null } });
      expect(await world.store.journal(id)).toMatchObject([
        { kind: "ask", name: "Publish?", result: '"yes"' },
      ]);
      const { token: second } = await world.start(id);
      expect(await world.store.openQuestion(second, question)).toBe("yes");
      expect((await world.get(id)).question).toBeNull();
    });

    it("that is answered while the task runs does not change its state", async ({ world }) => {
      const { id, token } = await world.working();
      await world.store.openQuestion(token, world.question("Publish?"));
      expect((await answer(world, id)).task).toMatchObject({ state: "working", question: null, losses: 0 });
      expect(await world.moves(id)).toEqual([">submitted", "submitted>working"]);
    });

    it("that is answered while the task leaves does not make it wait", async ({ world }) => {
      const { id, token } = await world.working();
      const question = world.question("Publish?");
      await world.store.openQuestion(token, question);
      const leaving = { id, transition: "ask", cause: "ask", actor: "task", question: question.at } as const;
      const [, left] = await Promise.allSettled([
        answer(world, id),
        world.store.apply({ ...leaving, at: world.now++ }),
      ]);
      expect(left).toMatchObject({ status: "rejected", reason: { name: "IllegalMove" } });
      expect((await world.get(id)).state).toBe("working");
    });

    it("that is answered while the task is paused keeps it paused", async ({ world }) => {
      const { id, token } = await world.working();
      await world.store.openQuestion(token, world.question("Publish?"));
      await world.end(id, "suspend");
      expect((await answer(world, id)).task.state).toBe("suspended");
      const second = await world.again(id);
      expect(await world.store.openQuestion(second.token, world.question("Publish?"))).toBe("yes");
    });

    it("accepts only one of fifty answers at once", async ({ world }) => {
      const { id, token } = await world.working();
      await world.store.openQuestion(token, world.question("Publish?"));
      await world.end(id, "ask");
      const all = Array.from({ length: 50 }, (_, i) => answer(world, id, `${i}`));
      expect(await outcomes(all)).toEqual({ held: 1, refused: Array(49).fill("UnsupportedOperation") });
    });

    it("that is asked again is the same question, and a second one beside it is refused", async ({
      world,
    }) => {
      const { token } = await world.working();
      const first = world.question("Publish?");
      await world.store.openQuestion(token, first);
      expect(await world.store.openQuestion(token, { ...first, at: 5 })).toBeNull();
      await expect(world.store.openQuestion(token, world.question("Delete?"))).rejects.toMatchObject({
        name: "UnsupportedOperation",
        message: expect.stringContaining('"Publish?"'),
      });
    });

    it("is forgotten when a resume forgets its place in the journal", async ({ world }) => {
      const { id, token } = await world.working();
      await world.store.openQuestion(token, world.question("Publish?"));
      await world.end(id, "suspend");
      const second = await world.again(id, { continueFrom: 0 });
      expect((await world.get(id)).question).toBeNull();
      expect(await world.store.openQuestion(second.token, world.question("Another?"))).toBeNull();
    });

    it("that nobody asked cannot be answered", async ({ world }) => {
      const [open, ended] = [await world.working(), await world.ended()];
      await expect(answer(world, open.id)).rejects.toMatchObject({
        name: "UnsupportedOperation",
        data: { id: open.id, state: "working", allowed: ["input-required"] },
      });
      await expect(answer(world, ended.id)).rejects.toMatchObject({ name: "TaskImmutable" });
      await expect(answer(world, 99)).rejects.toMatchObject({ name: "TaskNotFound" });
    });
  });

  it("an artifact replaces the previous one of the same name", async ({ world }) => {
    const { id, token } = await world.working();
    const report = { name: "report.md", size: 1, sha256: "a", createdAt: 1 };
    await world.store.addArtifact(token, report);
    await world.store.addArtifact(token, { ...report, name: "plot.png", createdAt: 2 });
    await world.store.addArtifact(token, { ...report, size: 2, sha256: "b", createdAt: 3 });
    expect(await world.store.artifacts(id)).toMatchObject([
      { taskId: id, name: "plot.png", size: 1, sha256: "a", createdAt: 2 },
      { taskId: id, name: "report.md", size: 2, sha256: "b", createdAt: 3 },
    ]);
  });
}
