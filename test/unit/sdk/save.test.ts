import { describe, expect } from "vitest";
import { StepReader, stepFile } from "../../../src/runner/step-reader.ts";
import { until } from "../../harness/until.ts";
import { it } from "./attempt.ts";

describe("a module that never reads its checkpoint", () => {
  it("runs from the start, and its saves during the replay are ignored", async ({ attempts }) => {
    const run = async () => {
      const { task } = await attempts.next();
      await task.save("begin");
      await task.step("a", () => 1);
      await task.save("middle");
      await task.step("b", () => 2);
      await task.save("end");
    };
    await run();
    await run();
    const saved = attempts.daemon.sent("attempt/checkpoint").map(({ value, base }) => [value, base]);
    expect(saved).toEqual([
      ["begin", undefined],
      ["middle", 0],
      ["end", 0],
      ["end", 0],
    ]);
    expect(attempts.daemon.steps).toEqual(["a", "b"]);
  });

  it("does not repeat a save before its first step that an earlier attempt made", async ({ attempts }) => {
    for (let count = 0; count < 2; count++) {
      const { task } = await attempts.next();
      await task.save("begin");
      await task.step("a", () => 1);
    }
    expect(attempts.daemon.checkpoints).toHaveLength(1);
  });

  it("may not read its checkpoint after its first step", async ({ attempts }) => {
    const { task } = await attempts.next();
    await task.step("a", () => 1);
    expect(() => task.checkpoint).toThrow("task.checkpoint must be read before the first step");
  });
});

describe("a module that reads its checkpoint", () => {
  it("keeps a step that became durable during a save after the new checkpoint too", async ({ attempts }) => {
    const { daemon } = attempts;
    const key = "1.1";
    daemon.stepFile = { path: stepFile(daemon.dir, key), key };
    const { task } = await attempts.next();
    const reader = new StepReader(daemon.dir, key);
    expect(task.checkpoint).toBeUndefined();
    for (let read = 0; read === 0; read = reader.read().length) await task.step("prepare", () => 0);
    let isRun = false;
    const step = task.step("a", () => {
      isRun = true;
      return "once";
    });
    while (!isRun) await undefined;
    // The step will be written at the end of this turn.
    for (let count = 0; count < 10; count++) await undefined;
    await task.save(1);
    expect(await step).toBe("once");
    const written = reader.read().filter(({ name }) => name === "a");
    expect(written.map(({ base, n, call, alone }) => ({ base, n, call, alone }))).toEqual([
      expect.objectContaining({ base: 0, n: 0 }),
      { base: 1, n: 0, call: 0, alone: false },
    ]);
  });

  it("continues from the checkpoint, and counts the names of steps from there", async ({ attempts }) => {
    const ran: string[] = [];
    const run = async (rounds: number) => {
      const { task } = await attempts.next();
      const state = (task.checkpoint as { i: number } | undefined) ?? { i: 0 };
      while (state.i < rounds) {
        await task.step("work", () => ran.push(`round ${state.i}`));
        state.i++;
        await task.save(state);
        expect(task.checkpoint).toEqual(state);
      }
      await task.step("work", () => ran.push("last"));
    };
    await run(2);
    await run(2);
    expect(ran).toEqual(["round 0", "round 1", "last"]);
    expect(attempts.daemon.journal.map(({ n, base, call }) => [n, base, call])).toEqual([
      [0, 0, 0],
      [0, 1, 0],
      [0, 2, 0],
    ]);
  });

  it("keeps acknowledged steps when it saves again where an earlier attempt saved", async ({ attempts }) => {
    const ran: number[] = [];
    const run = async (rounds: number) => {
      const { task } = await attempts.next();
      for (let i = (task.checkpoint as number | undefined) ?? 0; i < rounds; i++) {
        await task.save(i);
        await task.step("work", () => ran.push(i));
      }
    };
    await run(2);
    await run(3);
    expect(ran).toEqual([0, 1, 2]);
  });

  it("keeps the steps in flight during a save after the new checkpoint", async ({ attempts }) => {
    const { task } = await attempts.next();
    expect(task.checkpoint).toBeUndefined();
    await task.step("x", () => 0);
    let finish = () => {};
    const slow = task.step("x", () => new Promise<void>((resolve) => (finish = resolve)));
    const saved = task.save("s");
    const held = task.step("x", () => 2);
    await saved;
    await held;
    finish();
    await slow;
    const places = attempts.daemon.journal.map(({ n, base, call, alone }) => [n, base, call, alone]);
    expect(places).toEqual([
      [0, 0, 0, true],
      [1, 1, 1, false],
      [0, 1, 0, false],
    ]);
  });

  it("keeps a result that crossed a save after the new checkpoint too", async ({ attempts }) => {
    const { task } = await attempts.next();
    expect(task.checkpoint).toBeUndefined();
    attempts.daemon.stall("attempt/step");
    const slow = task.step("x", () => "value");
    await until(() => attempts.daemon.steps.length === 1);
    await task.save("without it");
    attempts.daemon.unstall();
    await attempts.daemon.kill();
    await attempts.daemon.start();
    expect(await slow).toBe("value");
    expect(attempts.daemon.journal.map(({ base }) => base)).toEqual([0, 1]);
  });

  it("gets undefined for a pause's checkpoint without a value", async ({ attempts }) => {
    attempts.daemon.checkpoints.push({ seq: 4, base: 0, data: "" });
    expect((await attempts.next()).task.checkpoint).toBeUndefined();
  });
});

describe("a value that cannot be saved", () => {
  it("is refused with its place or size, and the previous value stays", async ({ attempts }) => {
    attempts.daemon.maxBytes = 20;
    const { task } = await attempts.next();
    expect(task.checkpoint).toBeUndefined();
    await task.save({ good: 1 });
    await expect(task.save({ items: [{ run: () => 1 }] })).rejects.toThrow(
      "value.items[0].run is a function",
    );
    await expect(task.save(undefined)).rejects.toThrow("value is undefined");
    await expect(task.save("x".repeat(30))).rejects.toThrow(
      "the checkpoint has 32 bytes; the largest allowed is 20",
    );
    expect(task.checkpoint).toEqual({ good: 1 });
    expect(attempts.daemon.checkpoints).toHaveLength(1);
  });
});
