import { AsyncLocalStorage } from "node:async_hooks";

/** One try of a step. */
export interface Running {
  readonly name: string;
  isOver: boolean;
  /** Its code is known also behind its awaits. */
  isFollowed?: boolean;
}

/**
 * Tells whether code runs inside a step, so that a call in a step can be refused. To know that behind an `await` costs
 * every promise of the process some calls of Node's hooks. A function that gives no promise has no `await` to look behind,
 * and hooks would cost more than all the rest of its step: where the last one of a name gave none, the next one is known
 * only until it returns.
 */
export class Inside {
  readonly #storage = new AsyncLocalStorage<Running>();
  /** The one whose function is being called. */
  #called: Running | undefined;
  #followed = 0;
  /** Names of steps whose last function gave no promise. */
  readonly #atOnce = new Set<string>();

  /** The name of the step in which the caller stands. */
  get step(): string | undefined {
    const running = this.#storage.getStore() ?? this.#called;
    return running && !running.isOver ? running.name : undefined;
  }

  /** Calls the function of a step; `over` is called when the try has ended. */
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
