import { LOOK_AGAIN_MS, type NumberedStep, type StepReader } from "../runner/index.ts";
import type { Engine } from "./engine.ts";
import { type Live, nameOf } from "./live.ts";

/**
 * Takes the steps that a module's host made durable by itself, in the step file of its attempt, into the store: soon after
 * they were written, and before all that depends on their being there, which is what the attempt says after them, a
 * look at the task, a freeze, and the end of the attempt.
 */
export class StepIntake {
  readonly #engine: Engine;
  readonly #live: Live;
  readonly #reader: StepReader;
  /** What was read, and the store refused. */
  #refused: NumberedStep[] = [];
  #taking: Promise<unknown> = Promise.resolve();
  #next: NodeJS.Timeout | null = null;
  #isAskedAgain = false;

  constructor(engine: Engine, live: Live) {
    this.#engine = engine;
    this.#live = live;
    this.#reader = engine.runner.steps(live.runKey);
  }

  /**
   * Takes what is written; resolves when that, and all that was taken before, is in the store. What the caller writes to
   * the store in the same turn stands behind it in the same transaction.
   */
  take(): Promise<unknown> {
    const steps = [...this.#refused, ...this.#reader.read()];
    if (steps.length === 0) return this.#taking;
    this.#refused = [];
    const taking = Promise.all([this.#taking, this.#write(steps)]);
    const settled = () => {
      if (this.#taking === taking) this.#taking = Promise.resolve();
    };
    taking.then(settled, settled);
    this.#taking = taking;
    return taking;
  }

  async #write(steps: NumberedStep[]): Promise<void> {
    const { store } = this.#engine;
    const rows = steps.map(({ number: _, ...step }) => {
      return { ...step, kind: "step" as const, size: Buffer.byteLength(step.result) };
    });
    try {
      await store.acknowledgeAll(this.#live.token, rows);
    } catch (error) {
      this.#refused = [...steps, ...this.#refused].sort((a, b) => a.number - b.number);
      throw error;
    }
    for (const row of rows) this.#live.inFlight.delete(nameOf(row));
  }

  /** The host has written something, and may for a moment write more without a word. */
  written(): void {
    if (this.#next) this.#isAskedAgain = true;
    else this.#look(true);
  }

  #look(isWriting: boolean): void {
    // What is refused now is in the file, and is tried again before anything depends on it.
    this.take().catch(() => {});
    if (!isWriting) return;
    this.#next = setTimeout(() => {
      this.#next = null;
      const isAskedAgain = this.#isAskedAgain;
      this.#isAskedAgain = false;
      this.#look(isAskedAgain);
    }, LOOK_AGAIN_MS);
    this.#next.unref();
  }

  /** The attempt is over and all of it is in the store. */
  end(): void {
    if (this.#next) clearTimeout(this.#next);
    this.#next = null;
    this.#reader.remove();
  }
}
