import { describe, expect } from "vitest";
import { until } from "../../harness/until.ts";
import { it } from "./attempt.ts";

async function errorOf(call: Promise<unknown>): Promise<Error> {
  return call.then(
    () => new Error("it did not fail"),
    (thrown: Error) => thrown,
  );
}

describe("a step", () => {
  it("is kept with its result, and returns it from the journal without running again", async ({
    attempts,
  }) => {
    const ran: string[] = [];
    for (let count = 0; count < 2; count++) {
      const { task } = await attempts.next();
      const value = await task.step("a", () => {
        ran.push("a");
        return { at: new Date(0), gone: undefined };
      });
      expect(value).toEqual({ at: "1970-01-01T00:00:00.000Z" });
      const nothing = () => {
        ran.push("nothing");
      };
      expect(await task.step("nothing", nothing)).toBeUndefined();
    }
    expect(ran).toEqual(["a", "nothing"]);
  });

  it("is identified by its name and its index among steps of that name, in whatever order they end", async ({
    attempts,
  }) => {
    const run = async () => {
      const { task } = await attempts.next();
      const ran: string[] = [];
      const one = (name: string, id: string, ms: number) =>
        task.step(name, async () => {
          ran.push(id);
          await new Promise((resolve) => setTimeout(resolve, ms));
          return id;
        });
      const values = await Promise.all([one("x", "x0", 30), one("y", "y0", 1), one("x", "x1", 10)]);
      return { values, ran };
    };
    expect(await run()).toEqual({ values: ["x0", "y0", "x1"], ran: ["x0", "y0", "x1"] });
    expect(attempts.daemon.journal.map(({ name, n, call, alone }) => [name, n, call, alone])).toEqual([
      ["y", 0, 1, false],
      ["x", 1, 2, false],
      ["x", 0, 0, false],
    ]);
    expect(await run()).toEqual({ values: ["x0", "y0", "x1"], ran: [] });
  });

  it("is announced before its function runs", async ({ attempts }) => {
    const { task } = await attempts.next();
    const known = await task.step("a", async () => {
      await until(() => attempts.daemon.sent("attempt/step").length > 0);
      return attempts.daemon.sent("attempt/step");
    });
    expect(known).toEqual([{ name: "a", n: 0, base: 0, call: 0, started: true }]);
  });

  it("is announced only when it lasts, if the last step of its name was brief", async ({ attempts }) => {
    const { task } = await attempts.next();
    const announced = () =>
      attempts.daemon.sent("attempt/step").filter((sent) => (sent as { started?: boolean }).started);
    // On a busy machine, some of these steps last.
    let [n, known] = [0, -1];
    for (; announced().length > known && n < 1000; n++) {
      known = announced().length;
      await task.step("a", () => n);
    }
    expect(announced()).toHaveLength(known);
    await task.step("a", () => until(() => announced().length === known + 1));
    expect(announced()[known]).toEqual({ name: "a", n, base: 0, call: n, started: true });
    await task.step("a", () => 4);
    expect(announced()).toHaveLength(known + 2);
  });

  it("has a separate signal for each try", async ({ attempts }) => {
    const { task } = await attempts.next();
    const signals: AbortSignal[] = [];
    const failsOnce = (context: { signal: AbortSignal; try: number }) => {
      signals.push(context.signal, context.signal);
      if (context.try === 1) throw new Error("once");
    };
    await task.step("a", failsOnce, { retries: 1 });
    const [first, again, second] = signals;
    expect([first === again, first === second, first?.aborted, second?.aborted]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it("begins after its caller has the promise, whether it was announced or not", async ({ attempts }) => {
    const { task } = await attempts.next();
    for (let round = 0; round < 3; round++) {
      const order: string[] = [];
      const step = task.step("a", () => void order.push("in it"));
      order.push("behind the call");
      await step;
      expect(order).toEqual(["behind the call", "in it"]);
    }
  });

  it("does not resolve before it is acknowledged", async ({ attempts }) => {
    const { task } = await attempts.next();
    attempts.daemon.stall("attempt/step");
    let isOver = false;
    void task
      .step("a", () => 1)
      .then(() => {
        isOver = true;
      });
    await until(() => attempts.daemon.steps.length === 1);
    await task.artifact("later", "x");
    expect(isOver).toBe(false);
  });

  it("is tried again with a new try number, and finally rejects with its own error", async ({ attempts }) => {
    const { task } = await attempts.next();
    const tries: number[] = [];
    const failing = (context: { try: number }) => {
      tries.push(context.try);
      throw new RangeError(`try ${context.try}`);
    };
    await expect(task.step("a", failing, { retries: 2 })).rejects.toThrow(new RangeError("try 3"));
    expect(tries).toEqual([1, 2, 3]);
    expect(attempts.daemon.journal).toEqual([]);
    const value = await task.step("b", (context) => (context.try === 1 ? failing(context) : "ok"), {
      retries: 1,
    });
    expect(value).toBe("ok");
  });

  it("that takes too long fails with TimedOut, and its signal is aborted", async ({ attempts }) => {
    const { task } = await attempts.next();
    const signals: AbortSignal[] = [];
    const endless = ({ signal }: { signal: AbortSignal }) => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const error = await errorOf(task.step("slow", endless, { timeout: "20ms", retries: 1 }));
    expect([error.name, error.message]).toEqual(["TimedOut", 'step "slow": it took longer than 20 ms']);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(task.signal.aborted).toBe(false);
  });

  it("inside a step is refused, like every other journaled call", async ({ attempts }) => {
    const { task } = await attempts.next();
    const calls: (() => Promise<unknown>)[] = [
      () => task.step("inner", () => 1),
      () => task.save(1),
      () => task.sleep(1),
      () => task.ask("?"),
      () => task.messages(),
    ];
    for (const [at, call] of calls.entries())
      await expect(task.step(`outer ${at}`, call)).rejects.toThrow(
        `was called inside the step "outer ${at}"`,
      );
    expect(attempts.daemon.journal).toEqual([]);
  });

  it("inside an async step is refused even after an await, however brief earlier steps were", async ({
    attempts,
  }) => {
    const { task } = await attempts.next();
    const inner = () => task.step("inner", () => 1);
    const behind = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      await inner();
    };
    for (let i = 0; i < 20; i++) await task.step(`brief ${i}`, () => i);
    await expect(task.step("new", behind)).rejects.toThrow('inside the step "new"');
    for (let i = 0; i < 20; i++) await task.step("again", async () => i);
    await expect(task.step("again", behind)).rejects.toThrow('inside the step "again"');
    for (let i = 0; i < 20; i++) await task.step("at once", () => i);
    await expect(task.step("at once", inner)).rejects.toThrow('inside the step "at once"');
    // No step runs any more.
    expect(await inner()).toBe(1);
  });

  it("that has ended does not restrict code that it left running", async ({ attempts }) => {
    const { task } = await attempts.next();
    let later: Promise<number> = Promise.resolve(0);
    await task.step("a", () => {
      later = new Promise((resolve) => setTimeout(resolve, 30)).then(() => task.step("b", () => 5));
    });
    expect(await later).toBe(5);
  });

  it("with a result that JSON would lose or that is too large is refused, with its name", async ({
    attempts,
  }) => {
    attempts.daemon.maxBytes = 10;
    const { task } = await attempts.next();
    await expect(task.step("a", () => ({ f: () => 1 }))).rejects.toThrow('step "a": result.f is a function');
    const error = await errorOf(task.step("big", () => "x".repeat(20)));
    expect(error.name).toBe("CheckpointTooLarge");
    expect(error.message).toBe('the result of step "big" has 22 bytes; the largest allowed is 10');
  });

  it("without a name or a function, or with an invalid option, is refused", async ({ attempts }) => {
    const { task } = await attempts.next();
    await expect(task.step("", () => 1)).rejects.toThrow("a step's name is a text");
    await expect(task.step("a", 5 as never)).rejects.toThrow("the second argument is its function");
    await expect(task.step("a", () => 1, { retries: -1 })).rejects.toThrow("retries is -1");
    await expect(task.step("a", () => 1, { retry: 3 } as never)).rejects.toThrow(
      'step "a": "retry" is not an option; it takes retries, timeout',
    );
    await expect(task.step("a", () => 1, "3" as never)).rejects.toThrow(
      'step "a": its options are an object',
    );
    expect(await task.step("none", () => 1, null as never)).toBe(1);
    await expect(task.ask("?", { choice: ["yes"] } as never)).rejects.toThrow('"choice" is not an option');
    await expect(task.suspend(undefined as never)).rejects.toThrow("suspend(): cause is undefined; it takes");
    await expect(task.step("a", () => 1, { timeout: "soon" })).rejects.toThrow(
      'timeout is "soon"; it takes 500ms',
    );
  });
});

describe("a journal that no longer fits", () => {
  it("ends the attempt with an error that names both steps, and the call does not return", async ({
    attempts,
  }) => {
    const first = await attempts.next();
    for (const name of ["a", "b", "c"]) await first.task.step(name, () => name);
    const { task, ended } = await attempts.next();
    await task.step("a", () => "a");
    let hasReturned = false;
    void task
      .step("x", () => 1)
      .finally(() => {
        hasReturned = true;
      });
    await until(() => ended.length === 1);
    const data = { expected: 'step "b"', found: 'step "x"', call: 1 };
    const message = 'call 2 differs from the journal: the journal has step "b", the module calls step "x"';
    expect(ended).toEqual([{ error: { name: "JournalMismatch", message, data } }]);
    expect(hasReturned).toBe(false);
  });

  it("is not reported for calls that ran concurrently", async ({ attempts }) => {
    const first = await attempts.next();
    await Promise.all(["a", "b"].map((name) => first.task.step(name, () => name)));
    const { task, ended } = await attempts.next();
    expect(await Promise.all(["b", "a"].map((name) => task.step(name, () => "ran")))).toEqual(["b", "a"]);
    expect(ended).toEqual([]);
  });

  it("is not reported after a failed step, which is not in the journal", async ({ attempts }) => {
    const first = await attempts.next();
    await first.task.step("a", () => Promise.reject(new Error("down"))).catch(() => {});
    await first.task.step("instead", () => 1);
    const { task, ended } = await attempts.next();
    expect(await task.step("a", () => "up")).toBe("up");
    expect(await task.step("next", () => 2)).toBe(2);
    expect(ended).toEqual([]);
  });
});
