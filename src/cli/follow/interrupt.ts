import { constants } from "node:os";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** The signals that a person or a session ends a command with; while this listens, they do not kill it. */
export class Interrupt {
  /** How many came. */
  count = 0;
  #first: (typeof SIGNALS)[number] | undefined;
  readonly #listeners: (() => void)[] = [];
  #then: (interrupt: Interrupt) => void;

  /** Calls `then` for every one of them. */
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

  /** From now on this is called, and at once where some came before. */
  turnTo(then: (interrupt: Interrupt) => void): void {
    this.#then = then;
    if (this.count > 0) then(this);
  }

  /** Lets the signal do what it does to a process that does not listen. */
  giveUp(): void {
    this.end();
    process.kill(process.pid, this.#first ?? "SIGINT");
  }

  /** As a shell has it for an end by the first that came. */
  get exitCode(): number {
    return 128 + (this.#first ? constants.signals[this.#first] : 0);
  }

  /** Leaves the signals to the system again. */
  end(): void {
    for (const off of this.#listeners) off();
  }
}

/** Until its id is known a task cannot be left or canceled: the first Ctrl-C waits for it, the second does not. */
export function leaveAtSecond(interrupt: Interrupt): void {
  if (interrupt.count > 1) interrupt.giveUp();
}
