import type { Session } from "../session.ts";

/** The signal of one try of a step. It is created only when the step's function reads it, because most never do. */
export class StepSignal {
  readonly #session: Session;
  #own: AbortController | undefined;
  #reason: { why: unknown } | undefined;
  #isOver = false;

  constructor(session: Session) {
    this.#session = session;
  }

  get(): AbortSignal {
    this.#own ??= this.#begin();
    return this.#own.signal;
  }

  abort(why: unknown): void {
    this.#reason ??= { why };
    this.#own?.abort(why);
  }

  /** Called when the try has ended. From then on, nothing aborts the signal. */
  over(): void {
    this.#isOver = true;
    if (!this.#own) return;
    this.#session.stopper.signal.removeEventListener("abort", this.#stopped);
    this.#session.stepSignals.delete(this.#own.signal);
  }

  #begin(): AbortController {
    const own = new AbortController();
    const { stopper, stepSignals } = this.#session;
    if (this.#reason) own.abort(this.#reason.why);
    else if (stopper.signal.aborted) own.abort(stopper.signal.reason);
    if (this.#isOver) return own;
    stopper.signal.addEventListener("abort", this.#stopped);
    stepSignals.add(own.signal);
    return own;
  }

  readonly #stopped = () => this.abort(this.#session.stopper.signal.reason);
}
