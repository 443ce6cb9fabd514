import { describe, expect } from "vitest";
import type { Attempted, StoreTest, World } from "../world.ts";

/** All writes that an attempt can make with its token. */
const writes: Record<string, (world: World, token: string) => Promise<unknown>> = {
  "a checkpoint": (world, token) => world.save(token, "late"),
  "a step": (world, token) => world.step(token, "late"),
  "steps that its host wrote": (world, token) => world.store.acknowledgeAll(token, [world.ofStep("late")]),
  "a result": (world, token) => world.store.saveResult(token, { value: "late" }),
  "a question": (world, token) => world.store.openQuestion(token, world.question("late?")),
  "taking messages": (world, token) => world.store.takeMessages(token, null, 1),
  "what a step keeps": (world, token) => world.store.keep(token, { name: "late", n: 0, base: 0, value: "1" }),
  progress: (world, token) =>
    world.store.update(1, { progress: { done: 9, total: null, message: "late" } }, { token }),
  "an artifact": (world, token) =>
    world.store.addArtifact(token, { name: "late", size: 1, sha256: "x", createdAt: 1 }),
};

async function everything(world: World, id: number) {
  const { store } = world;
  return [
    ...[await store.get(id), await store.attempts(id), await store.checkpoints(id), await store.journal(id)],
    ...[await store.artifacts(id), await world.events(id)],
  ];
}

/** The ways in which an attempt can end while a process still has its token. */
const overs: Record<string, (world: World, attempt: Attempted) => Promise<unknown>> = {
  "has ended": (world, { id }) => world.end(id, "complete"),
  "was paused": (world, { id }) => world.end(id, "suspend"),
  "was canceled": (world, { id }) => world.move(id, "cancel"),
  "asked and left": (world, { id }) => world.end(id, "ask"),
  "was superseded": async (world, { id }) => {
    await world.end(id, "suspend");
    await world.again(id);
  },
  "was superseded without a record of its end": async (world, { id }) => {
    await world.move(id, "suspend");
    await world.again(id);
  },
  "ended while it was frozen": async (world, { id }) => {
    await world.move(id, "suspend", { set: { frozen: true } });
    const end = { outcome: "lost" as const, exitCode: null, signal: null, endedAt: 1 };
    await world.store.update(id, {}, { end });
  },
};

/** Tests that a superseded attempt changes nothing and that its writes are refused. */
export function attempts(it: StoreTest): void {
  describe.each(Object.entries(overs))("an attempt that %s", (_, makeOver) => {
    it.for(Object.entries(writes))("is refused: %s", async ([, write], { world }) => {
      const attempt = await world.working();
      await world.send(attempt.id, "hello");
      await makeOver(world, attempt);
      const before = await everything(world, attempt.id);
      await expect(write(world, attempt.token)).rejects.toMatchObject({
        name: "StaleAttempt",
        data: { id: attempt.id, attempt: 1, state: (before[0] as { state: string }).state },
      });
      expect(await everything(world, attempt.id)).toEqual(before);
    });
  });

  it.for(Object.entries(writes))("an unknown token is refused: %s", async ([, write], { world }) => {
    await world.working();
    await expect(write(world, "token-of-nobody")).rejects.toMatchObject({
      name: "StaleAttempt",
      data: { id: null, state: null, attempt: null },
    });
  });

  describe("a frozen attempt is live, and what it sent before it was stopped is accepted", () => {
    it.for(Object.entries(writes))("%s", async ([, write], { world }) => {
      const { id, token } = await world.working();
      await world.move(id, "suspend", { set: { frozen: true } });
      await write(world, token);
      await world.move(id, "resume");
      expect(await write(world, token).then(() => "taken")).toBe("taken");
    });
  });

  it("a token stays valid after a thaw", async ({ world }) => {
    const { id, token } = await world.working();
    await world.move(id, "suspend", { set: { frozen: true } });
    await world.move(id, "resume");
    await world.move(id, "start", { set: { frozen: false } });
    expect(await world.step(token, "on")).toEqual({ result: '"on"', added: true });
    expect((await world.get(id)).attempt).toBe(1);
  });

  it("an attempt is returned with its start, its end and its result", async ({ world }) => {
    const { id, token, task } = await world.working();
    await world.store.noteAttempt(id, 1, { pid: 41, pidStart: 77 });
    await world.store.noteAttempt(id, 1, { saidHello: true });
    await world.store.saveResult(token, { value: [1] });
    const end = { outcome: "completed" as const, exitCode: 137, signal: "SIGKILL", endedAt: 9 };
    await world.end(id, "complete", { end });
    const begun = {
      taskId: id,
      n: 1,
      token,
      bootId: "boot",
      pid: 41,
      pidStart: 77,
      startedAt: task.startedAt,
    };
    expect(await world.store.attempts(id)).toMatchObject([
      { ...begun, ...end, saidHello: true, result: { value: [1] } },
    ]);
    expect(await world.store.attemptOf(token)).toEqual((await world.store.attempts(id))[0]);
    expect(await world.store.attemptOf("nobody")).toBeUndefined();
  });

  it("an attempt that got its process late starts then, and later notes keep that time", async ({
    world,
  }) => {
    const { id, task } = await world.working();
    const startedAt = (task.startedAt ?? 0) + 4000;
    await world.store.noteAttempt(id, 1, { startedAt });
    await world.store.noteAttempt(id, 1, { pid: 41, pidStart: 77 });
    expect(await world.store.attempts(id)).toMatchObject([{ startedAt, pid: 41, saidHello: false }]);
  });

  it("a task has the pid of its live attempt, and none when that has ended", async ({ world }) => {
    const { id } = await world.working();
    await world.store.noteAttempt(id, 1, { pid: 41, pidStart: 77 });
    expect((await world.get(id)).pid).toBe(41);
    await world.end(id, "suspend");
    await world.again(id);
    await world.store.noteAttempt(id, 1, { pid: 42 });
    expect((await world.get(id)).pid).toBeNull();
  });

  it("several attempts are numbered, and each keeps its own end", async ({ world }) => {
    const { id } = await world.suspended();
    await world.again(id);
    await world.end(id, "complete");
    const known = await world.store.attempts(id);
    expect(known.map(({ n, outcome }) => [n, outcome])).toEqual([
      [1, "failed"],
      [2, "completed"],
    ]);
  });
}
