import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Catches the signals with which a person or a session ends a command, so that they do not kill it. */
export class Interrupt {
  /** How many signals came. */
  count = 0;
  #firstSignal: (typeof SIGNALS)[number] | undefined;
  readonly #listeners: (() => void)[] = [];
  #onSignal: (interrupt: Interrupt) => void;

  /** Calls `onSignal` for every signal. */
  constructor(onSignal: (interrupt: Interrupt) => void) {
    this.#onSignal = onSignal;
    for (const signal of SIGNALS) {
      const listener = () => {
        this.count += 1;
        this.#firstSignal ??= signal;
        this.#onSignal(this);
      };
      process.on(signal, listener);
      this.#listeners.push(() => process.off(signal, listener));
    }
  }

  /** Calls `onSignal` for every signal from now on, and at once if some came before. */
  redirect(onSignal: (interrupt: Interrupt) => void): void {
    this.#onSignal = onSignal;
    if (this.count > 0) onSignal(this);
  }

  /** Lets the first signal do what it does to a process that does not listen. */
  giveUp(): void {
    this.end();
    process.kill(process.pid, this.#firstSignal ?? "SIGINT");
  }

  /** The exit code that a shell reports for an end by the first signal. */
  get exitCode(): number {
    return 128 + (this.#firstSignal ? constants.signals[this.#firstSignal] : 0);
  }

  /** Stops listening, so that signals have their default effect again. */
  end(): void {
    for (const removeListener of this.#listeners) removeListener();
  }
}

/** Ends the process at the second Ctrl-C. The first one waits for the task's id, which is needed to cancel the task. */
export function leaveAtSecond(interrupt: Interrupt): void {
  if (interrupt.count > 1) interrupt.giveUp();
}
