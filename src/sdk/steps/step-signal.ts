import type { Session } from "../session.ts";

/** The signal of one try of a step. It is created only when the step's function reads it, because most never do. */
export class StepSignal {
  readonly #session: Session;
  #controller: AbortController | undefined;
  #reason: { value: unknown } | undefined;
  #hasEnded = false;

  constructor(session: Session) {
    this.#session = session;
  }

  get(): AbortSignal {
    this.#controller ??= this.#create();
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#reason ??= { value: reason };
    this.#controller?.abort(reason);
  }

  /** Called when the try has ended. From then on, nothing aborts the signal. */
  end(): void {
    this.#hasEnded = true;
    if (!this.#controller) return;
    this.#session.stopper.signal.removeEventListener("abort", this.#onStop);
    this.#session.stepSignals.delete(this.#controller.signal);
  }

  #create(): AbortController {
    const controller = new AbortController();
    const { stopper, stepSignals } = this.#session;
    if (this.#reason) controller.abort(this.#reason.value);
    else if (stopper.signal.aborted) controller.abort(stopper.signal.reason);
    if (this.#hasEnded) return controller;
    stopper.signal.addEventListener("abort", this.#onStop);
    stepSignals.add(controller.signal);
    return controller;
  }

  readonly #onStop = () => this.abort(this.#session.stopper.signal.reason);
}
