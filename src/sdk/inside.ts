import { AsyncLocalStorage } from "node:async_hooks";

/** One try of a step. */
export interface Running {
  readonly name: string;
  isOver: boolean;
  /** Whether its code is also recognized after an `await`. */
  isFollowed?: boolean;
}

/**
 * Detects whether code runs inside a step, so that a call inside a step can be refused. To detect this after an
 * `await`, Node calls hooks for every promise of the process. A function that returns no promise has no `await`, and
 * the hooks would cost more than the rest of its step. So if the last function of a step name returned no promise, the
 * code of the next one is recognized only until it returns.
 */
export class Inside {
  readonly #storage = new AsyncLocalStorage<Running>();
  /** The try whose function runs right now and is recognized only until it returns. */
  #called: Running | undefined;
  #followed = 0;
  /** Names of the steps whose last function returned no promise. */
  readonly #atOnce = new Set<string>();

  /** The name of the step that the caller runs inside; undefined outside of steps. */
  get step(): string | undefined {
    const running = this.#storage.getStore() ?? this.#called;
    return running && !running.isOver ? running.name : undefined;
  }

  /** Calls the function of a step. The caller must call `over` when the try has ended. */
  call(running: Running, fn: () => unknown): unknown {
    const given = this.#call(running, fn);
    if (isThenable(given)) this.#atOnce.delete(running.name);
    else this.#atOnce.add(running.name);
    return given;
  }

  #call(running: Running, fn: () => unknown): unknown {
    if (this.#followed > 0 || !this.#atOnce.has(running.name)) {
      running.isFollowed = true;
      this.#followed++;
      return this.#storage.run(running, fn);
    }
    const before = this.#called;
    this.#called = running;
    try {
      return fn();
    } finally {
      this.#called = before;
    }
  }

  over(running: Running): void {
    running.isOver = true;
    if (running.isFollowed && --this.#followed === 0) this.#storage.disable();
  }
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
