import { AsyncLocalStorage } from "node:async_hooks";

/** One try of a step. */
export interface RunningTry {
  readonly name: string;
  hasEnded: boolean;
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
  readonly #storage = new AsyncLocalStorage<RunningTry>();
  /** The try whose function runs right now and is recognized only until it returns. */
  #current: RunningTry | undefined;
  #followedCount = 0;
  /** Names of the steps whose last function returned no promise. */
  readonly #syncNames = new Set<string>();

  /** The name of the step that the caller runs inside; undefined outside of steps. */
  get step(): string | undefined {
    const running = this.#storage.getStore() ?? this.#current;
    return running && !running.hasEnded ? running.name : undefined;
  }

  /** Calls the function of a step. The caller must call `end` when the try has ended. */
  call(running: RunningTry, fn: () => unknown): unknown {
    const result = this.#call(running, fn);
    if (isThenable(result)) this.#syncNames.delete(running.name);
    else this.#syncNames.add(running.name);
    return result;
  }

  #call(running: RunningTry, fn: () => unknown): unknown {
    if (this.#followedCount > 0 || !this.#syncNames.has(running.name)) {
      running.isFollowed = true;
      this.#followedCount++;
      return this.#storage.run(running, fn);
    }
    const previous = this.#current;
    this.#current = running;
    try {
      return fn();
    } finally {
      this.#current = previous;
    }
  }

  end(running: RunningTry): void {
    running.hasEnded = true;
    if (running.isFollowed && --this.#followedCount === 0) this.#storage.disable();
  }
}

function isThenable(value: unknown): boolean {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
