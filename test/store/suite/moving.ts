import { describe, expect } from "vitest";
import { next, type State, states, type Transition, transitions } from "../../../src/core/machine.ts";
import type { Intent } from "../../../src/core/task.ts";
import { type Move, outcomes, type StoreTest, type World } from "../world.ts";

/** Makes a task in the given state. Returns its id. */
async function inState(world: World, state: State): Promise<number> {
  if (state === "submitted") return (await world.submit()).id;
  if (state === "suspended") return (await world.suspended()).id;
  if (state === "completed") return (await world.ended()).id;
  const { id } = await world.working();
  const ways: Partial<Record<State, Move[]>> = {
    "input-required": ["ask"],
    resumed: ["suspend", "resume"],
    failed: ["fail"],
    canceled: ["cancel"],
  };
  for (const move of ways[state] ?? []) await world.move(id, move);
  return id;
}

const moves = Object.keys(transitions).filter((name): name is Move => (name as Transition) !== "run");

/** Tests of moves: a compare-and-swap of the state, with its event and everything that follows from it. */
export function moving(it: StoreTest): void {
  describe("moves follow the table", () => {
    it.for(states)(
      "a task that is %s can make the moves of the table, and no others",
      async (state, { world }) => {
        for (const move of moves) {
          const id = await inState(world, state);
          const before = await world.get(id);
          const expected = next(state, move);
          const moved = await world.move(id, move).catch((error: Error) => error.name);
          expect([move, typeof moved === "string" ? moved : moved.state]).toEqual([
            move,
            expected ?? "IllegalMove",
          ]);
          if (expected === undefined) expect(await world.get(id)).toEqual(before);
        }
      },
    );

    it("a refused move returns the task as it is now", async ({ world }) => {
      const task = await world.ended();
      await expect(world.move(task.id, "cancel")).rejects.toMatchObject({ task });
    });

    it("a move of a missing task is refused", async ({ world }) => {
      await expect(world.move(99, "cancel")).rejects.toMatchObject({
        name: "TaskNotFound",
        data: { id: 99 },
      });
    });
  });

  describe("a race has one winner", () => {
    it("of fifty resumes at once, 49 are refused", async ({ world }) => {
      const { id } = await world.suspended();
      const all = Array.from({ length: 50 }, () => world.move(id, "resume", { attempt: 1 }));
      expect(await outcomes(all)).toEqual({ held: 1, refused: Array(49).fill("IllegalMove") });
      expect((await world.moves(id)).filter((move) => move === "suspended>resumed")).toHaveLength(1);
    });

    it("two starts of a task make one attempt", async ({ world }) => {
      const { id } = await world.submit();
      const { held } = await outcomes([world.start(id, { attempt: 0 }), world.start(id, { attempt: 0 })]);
      expect([held, (await world.store.attempts(id)).length]).toEqual([1, 1]);
    });

    it("of complete, fail and cancel in one turn, the first one counts", async ({ world }) => {
      const { id } = await world.working();
      const all = [world.end(id, "complete"), world.end(id, "fail"), world.move(id, "cancel")];
      expect(await outcomes(all)).toEqual({ held: 1, refused: ["IllegalMove", "IllegalMove"] });
      expect((await world.get(id)).state).toBe("completed");
    });

    it("a late end of an old attempt changes nothing, even if the state would allow it", async ({
      world,
    }) => {
      const { id, n } = await world.suspended();
      await world.again(id);
      const before = [await world.get(id), await world.store.attempts(id)];
      await expect(world.end(id, "complete", { attempt: n })).rejects.toMatchObject({
        name: "StaleAttempt",
        data: { id, state: "working", attempt: 1 },
      });
      expect([await world.get(id), await world.store.attempts(id)]).toEqual(before);
    });
  });

  describe("several moves at once", () => {
    it("are all refused if one of them is refused", async ({ world }) => {
      const [a, b] = [await world.suspended(), await world.ended()];
      const resume = (id: number) => ({ id, transition: "resume" as const, at: 1, cause: "x", actor: "ada" });
      await expect(world.store.applyAll([resume(a.id), resume(b.id)])).rejects.toThrow();
      expect((await world.get(a.id)).state).toBe("suspended");
      expect(await world.store.applyAll([resume(a.id)])).toMatchObject([{ id: a.id, state: "resumed" }]);
    });

    it("take a frozen task through resume and start to its completion", async ({ world }) => {
      const { id } = await world.working();
      await world.move(id, "suspend", { set: { frozen: true, pid: 5 } });
      const common = { id, at: world.now, cause: "pause", actor: "ada" };
      await world.store.applyAll([
        { ...common, transition: "resume", set: { frozen: false } },
        { ...common, transition: "start" },
        { ...common, transition: "complete" },
      ]);
      expect((await world.moves(id)).slice(-3)).toEqual([
        "suspended>resumed",
        "resumed>working",
        "working>completed",
      ]);
    });
  });

  describe("the events of moves", () => {
    it("record the actor, the time, the cause and both states", async ({ world }) => {
      const { id } = await world.working();
      const at = world.now;
      await world.move(id, "suspend", { cause: "shutdown", actor: "daemon", data: { why: ["x"] } });
      const last = (await world.events(id)).at(-1);
      const about = { at, task: id, attempt: 1, from: "working", to: "suspended" };
      expect(last).toEqual({ seq: 3, ...about, cause: "shutdown", actor: "daemon", data: { why: ["x"] } });
    });

    it("are a chain for each task, and are numbered without a gap", async ({ world }) => {
      const ids = [(await world.suspended()).id, (await world.ended()).id, (await world.submit()).id];
      await outcomes([world.again(ids[0] as number), world.move(ids[1] as number, "resume")]);
      const events = await world.events();
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
      for (const id of ids) {
        const chain = events.filter(({ task }) => task === id);
        expect(chain.map(({ from }) => from)).toEqual([null, ...chain.slice(0, -1).map(({ to }) => to)]);
      }
    });
  });

  describe("the effects of moves", () => {
    it("a start keeps the time of the first start, and clears the last failure", async ({ world }) => {
      const first = await world.working({ retries: 1 });
      const error = { name: "X", code: null, message: "x", data: null };
      await world.end(first.id, "retry", {
        set: { error, exitCode: 3, notBefore: world.now + 5, delay: "backoff" },
      });
      const { task } = await world.start(first.id);
      const { startedAt } = first.task;
      const clean = { error: null, exitCode: null, signal: null, notBefore: null, delay: null };
      expect(task).toMatchObject({ ...clean, startedAt, attempt: 2, state: "working" });
    });

    it("an end clears the question, the planned pause, the hold and the process", async ({ world }) => {
      const { id, token } = await world.working();
      await world.store.openQuestion(token, world.question("Sure?"));
      const pauseAt = {
        at: 5,
        mode: "auto" as const,
        graceMs: null,
        until: null,
        actor: "ada",
        reason: null,
      };
      await world.store.update(id, { held: true, pid: 5, pauseAt });
      await world.end(id, "complete", { set: { result: { n: 1 }, exitCode: 0 } });
      const gone = { question: null, pauseAt: null, held: false, pid: null, frozen: false, intent: null };
      expect(await world.get(id)).toMatchObject({
        ...gone,
        result: { n: 1 },
        exitCode: 0,
        endedAt: world.now - 1,
      });
    });

    it("every move clears the intent of the attempt", async ({ world }) => {
      const { id, n } = await world.working();
      const intent: Intent = { kind: "timeout" };
      await world.store.intend([{ id, attempt: n, intent }]);
      expect((await world.get(id)).intent).toEqual(intent);
      expect((await world.move(id, "suspend")).intent).toBeNull();
    });
  });

  describe("time", () => {
    const hour = 3_600_000;

    it("running time and paused time are counted separately", async ({ world }) => {
      const { id } = await world.working();
      world.now += hour;
      await world.move(id, "suspend", { ranMs: hour });
      world.now += 5 * hour;
      await world.again(id);
      world.now += hour;
      const ended = await world.end(id, "complete", { ranMs: hour });
      expect([Math.round(ended.runMs / hour), Math.round(ended.pausedMs / hour)]).toEqual([2, 5]);
    });

    it("time that the machine slept counts as paused", async ({ world }) => {
      const { id } = await world.working();
      world.now += 10 * hour;
      const ended = await world.end(id, "complete", { ranMs: 2 * hour });
      expect([ended.runMs, Math.round(ended.pausedMs / hour)]).toEqual([2 * hour, 8]);
    });

    it("small differences between the two clocks are ignored", async ({ world }) => {
      const { id, task } = await world.working();
      world.now = task.phaseAt + hour;
      const ended = await world.end(id, "complete", { ranMs: hour - 900 });
      expect([ended.runMs, ended.pausedMs]).toEqual([hour, 0]);
    });

    it("setting the clock back does not reduce the running time", async ({ world }) => {
      const { id } = await world.working();
      world.now -= 5 * hour;
      const ended = await world.end(id, "complete", { ranMs: hour });
      expect([ended.runMs, ended.pausedMs]).toEqual([hour, 0]);
    });

    it("time in a queue is neither running nor paused", async ({ world }) => {
      const { id } = await world.submit();
      world.now += hour;
      await world.start(id);
      expect(await world.get(id)).toMatchObject({ runMs: 0, pausedMs: 0 });
    });
  });

  describe("a change of fields without a move", () => {
    it("is refused unless the task is in one of the given states", async ({ world }) => {
      const { id } = await world.ended();
      const before = await world.get(id);
      await expect(world.store.update(id, { held: true }, { states: ["submitted"] })).rejects.toMatchObject({
        name: "TaskImmutable",
        data: { id, state: "completed", allowed: ["submitted"] },
      });
      expect(await world.get(id)).toEqual(before);
    });

    it("records an event if one is requested, with the same state twice", async ({ world }) => {
      const { id } = await world.submit();
      await world.store.update(id, { priority: 1 } as object);
      await world.store.update(id, { held: true }, { event: { cause: "hold", actor: "ada", at: 5 } });
      expect((await world.events(id)).slice(1)).toMatchObject([
        { cause: "hold", from: "submitted", to: "submitted", at: 5, attempt: null },
      ]);
    });

    it("can end an attempt", async ({ world }) => {
      const { id } = await world.working();
      await world.move(id, "suspend", { set: { frozen: true } });
      const end = { outcome: "lost" as const, exitCode: null, signal: null, endedAt: 9 };
      await world.store.update(id, { frozen: false }, { end });
      expect(await world.store.attempts(id)).toMatchObject([{ n: 1, outcome: "lost", endedAt: 9 }]);
    });
  });

  describe("an intent", () => {
    const intent: Intent = { kind: "cancel", actor: "ada", reason: null, graceMs: 5 };

    it("is recorded for all attempts or none, together with the held queues", async ({ world }) => {
      const [a, b] = [await world.working(), await world.suspended()];
      const of = ({ id, n }: { id: number; n: number }) => ({ id, attempt: n, intent });
      const hold = { queues: "all" as const, by: "all", until: null };
      await expect(world.store.intend([of(a), of(b)], hold)).rejects.toMatchObject({ name: "StaleAttempt" });
      expect([(await world.get(a.id)).intent, (await world.store.queues())[0]?.heldBy]).toEqual([null, null]);
      await world.store.intend([of(a)], hold);
      expect([(await world.get(a.id)).intent, (await world.store.queues())[0]?.heldBy]).toEqual([
        intent,
        "all",
      ]);
    });

    it("is refused if a queue is unknown", async ({ world }) => {
      const { id, n } = await world.working();
      const hold = { queues: ["gpu"], by: "queue:gpu", until: null };
      await expect(world.store.intend([{ id, attempt: n, intent }], hold)).rejects.toMatchObject({
        name: "QueueNotFound",
      });
      expect((await world.get(id)).intent).toBeNull();
    });

    it("can be recorded for a frozen attempt, and withdrawn", async ({ world }) => {
      const { id, n } = await world.working();
      await world.move(id, "suspend", { set: { frozen: true } });
      await world.store.intend([{ id, attempt: n, intent }]);
      await world.store.intend([{ id, attempt: n, intent: null }]);
      expect((await world.get(id)).intent).toBeNull();
    });
  });
}
