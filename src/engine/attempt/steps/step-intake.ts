import { AgentctlError, asAgentctlError } from "../../../core/errors.ts";
import type { Step, StepKey } from "../../../core/task.ts";
import { LOOK_AGAIN_MS, type NumberedStep, type StepReader } from "../../../runner/index.ts";
import type { Ports } from "../../ports.ts";

/** How soon what the store or the disk refused is tried again, where nothing else asks for it. */
const AGAIN_MS = 1000;

type StepPorts = Pick<Ports, "store" | "runner" | "log">;

/** What is read of the attempt whose steps they are. */
interface StepOwner {
  readonly taskId: number;
  readonly token: string;
  readonly runKey: string;
  callEnds(key: StepKey): void;
}

type Row = Omit<Step, "position" | "attempt">;

/**
 * Takes the steps that a module's host made durable by itself, in the step file of its attempt, into the store: soon after
 * they were written, and before all that depends on their being there, which is the journal that is read, what the
 * attempt says after them, a look at the task, a freeze, and the end of the attempt.
 */
export class StepIntake {
  readonly #ports: StepPorts;
  readonly #active: StepOwner;
  readonly #reader: StepReader;
  /** What was read, and the store refused. */
  #refused: NumberedStep[] = [];
  #taking: Promise<unknown> = Promise.resolve();
  #next: NodeJS.Timeout | null = null;
  #isAskedAgain = false;
  #isClosed = false;

  constructor(ports: StepPorts, active: StepOwner) {
    this.#ports = ports;
    this.#active = active;
    this.#reader = ports.runner.steps(active.runKey);
  }

  /**
   * Takes what is written; resolves when that, and all that was taken before, is in the store. What the caller writes to
   * the store in the same turn stands behind it in the same transaction. Rejects with `StoreUnavailable` also where the
   * file cannot be read: that is never taken for a file without steps.
   */
  take(): Promise<unknown> {
    let steps: NumberedStep[];
    try {
      steps = [...this.#refused, ...this.#reader.read()];
    } catch (cause) {
      const reason = `steps that task ${this.#active.taskId} has made durable cannot be read: ${(cause as Error).message}`;
      return Promise.reject(new AgentctlError("StoreUnavailable", { reason }, { cause }));
    }
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

  /** Whether the step of this number was read. */
  hasRead(number: number): boolean {
    return this.#reader.next !== undefined && number < this.#reader.next;
  }

  async #write(steps: NumberedStep[]): Promise<void> {
    const rows = steps.map(({ number: _, ...step }): Row => {
      return { ...step, kind: "step", size: Buffer.byteLength(step.result) };
    });
    try {
      await this.#ports.store.acknowledgeAll(this.#active.token, rows);
    } catch (error) {
      if (mayPass(error)) {
        this.#refused = [...steps, ...this.#refused].sort((a, b) => a.number - b.number);
        throw error;
      }
      await this.#writeEach(rows);
    }
    for (const row of rows) this.#active.callEnds(row);
  }

  /** One row that the store never takes keeps no other out, and ends no attempt. */
  async #writeEach(rows: Row[]): Promise<void> {
    const { log, store } = this.#ports;
    for (const row of rows) {
      try {
        await store.acknowledgeAll(this.#active.token, [row]);
      } catch (error) {
        if (mayPass(error)) throw error;
        log.error(
          { task: this.#active.taskId, step: row.name, error: String(error) },
          "a step that its host made durable cannot be taken",
        );
      }
    }
  }

  /** The host has written something, and may for a moment write more without a word. */
  written(): void {
    if (this.#next) this.#isAskedAgain = true;
    else this.#look(true);
  }

  #look(isWriting: boolean): void {
    this.take().catch(() => this.#lookIn(AGAIN_MS));
    if (isWriting) this.#lookIn(LOOK_AGAIN_MS);
  }

  #lookIn(ms: number): void {
    // A look that was under way at the end is not tried again.
    if (this.#isClosed) return;
    if (this.#next) clearTimeout(this.#next);
    this.#next = setTimeout(() => {
      this.#next = null;
      const isAskedAgain = this.#isAskedAgain;
      this.#isAskedAgain = false;
      this.#look(isAskedAgain);
    }, ms);
    this.#next.unref();
  }

  /** Nothing is taken any more by itself. */
  close(): void {
    this.#isClosed = true;
    if (this.#next) clearTimeout(this.#next);
    this.#next = null;
    this.#reader.close();
  }

  /** The attempt is over and all of it is in the store. */
  end(): void {
    this.close();
    this.#reader.remove();
  }
}

/** Of the store as a whole or of the attempt, and not of one step. */
function mayPass(error: unknown): boolean {
  return ["StoreUnavailable", "StaleAttempt"].includes(asAgentctlError(error).name);
}
