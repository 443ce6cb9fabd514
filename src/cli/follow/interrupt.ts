import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Catches the signals with which a person or a session ends a command, so that they do not kill it. */
export class Interrupt {
  /** How many signals came. */
  count = 0;
  #first: (typeof SIGNALS)[number] | undefined;
  readonly #listeners: (() => void)[] = [];
  #then: (interrupt: Interrupt) => void;

  /** Calls `then` for every signal. */
  constructor(then: (interrupt: Interrupt) => void) {
    this.#then = then;
    for (const signal of SIGNALS) {
      const listener = () => {
        this.count += 1;
        this.#first ??= signal;
        this.#then(this);
      };
      process.on(signal, listener);
      this.#listeners.push(() => process.off(signal, listener));
    }
  }

  /** Calls `then` for every signal from now on, and at once if some came before. */
  turnTo(then: (interrupt: Interrupt) => void): void {
    this.#then = then;
    if (this.count > 0) then(this);
  }

  /** Lets the first signal do what it does to a process that does not listen. */
  giveUp(): void {
    this.end();
    process.kill(process.pid, this.#first ?? "SIGINT");
  }

  /** The exit code that a shell reports for an end by the first signal. */
  get exitCode(): number {
    return 128 + (this.#first ? constants.signals[this.#first] : 0);
  }

  /** Stops listening, so that signals have their default effect again. */
  end(): void {
    for (const off of this.#listeners) off();
  }
}

/** Ends the process at the second Ctrl-C. The first one waits for the task's id, which is needed to cancel the task. */
export function leaveAtSecond(interrupt: Interrupt): void {
  if (interrupt.count > 1) interrupt.giveUp();
}
