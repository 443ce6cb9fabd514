import { AsyncLocalStorage } from "node:async_hooks";

/** One try of a step. */
export interface Running {
  readonly name: string;
  isOver: boolean;
  /** Its code is known also behind its awaits. */
  isFollowed: boolean;
}

/**
 * Tells whether code runs inside a step, so that a call in a step can be refused. To know that behind an `await` costs
 * every promise of the process some calls of Node's hooks, which is more than all the rest of a brief step.
 * So such a step is known only until its function returns, or first awaits; its first call, like that
 * of every step that lasts, is followed to its end.
 */
export class Inside {
  readonly #storage = new AsyncLocalStorage<Running>();
  /** The one whose function is being called. */
  #called: Running | undefined;
  #followed = 0;

  /** The name of the step in which the caller stands. */
  get step(): string | undefined {
    const running = this.#storage.getStore() ?? this.#called;
    return running && !running.isOver ? running.name : undefined;
  }

  /** Calls the function of a step; `over` is called when the try has ended. */
  call(running: Running, fn: () => unknown): unknown {
    if (running.isFollowed || this.#followed > 0) {
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
