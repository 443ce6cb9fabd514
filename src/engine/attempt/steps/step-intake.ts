import { AgentctlError, asAgentctlError } from "../../../core/errors.ts";
import type { Step, StepKey } from "../../../core/task.ts";
import { LOOK_AGAIN_MS, type NumberedStep, type StepReader } from "../../../runner/index.ts";
import type { Ports } from "../../ports.ts";

/** How soon, in ms, to retry steps that the store or the disk refused, if nothing else asks for them earlier. */
const RETRY_MS = 1000;

type StepPorts = Pick<Ports, "store" | "runner" | "log">;

/** The part of an active attempt that the intake uses. */
interface StepOwner {
  readonly taskId: number;
  readonly token: string;
  readonly runKey: string;
  endCall(key: StepKey): void;
}

type Row = Omit<Step, "position" | "attempt">;

/**
 * Takes the steps that a module's host made durable in the step file of its attempt into the store. It does so soon
 * after they were written, and before everything that depends on them: reading the journal, later calls of the attempt,
 * showing the task, a freeze, and the end of the attempt.
 */
export class StepIntake {
  readonly #ports: StepPorts;
  readonly #active: StepOwner;
  readonly #reader: StepReader;
  /** The steps that were read but refused by the store. */
  #refused: NumberedStep[] = [];
  #pending: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #isCheckRequested = false;
  #isClosed = false;

  constructor(ports: StepPorts, active: StepOwner) {
    this.#ports = ports;
    this.#active = active;
    this.#reader = ports.runner.steps(active.runKey);
  }

  /**
   * Takes the steps written so far. Resolves when they, and all steps taken before, are in the store. What the caller
   * writes to the store in the same turn comes after them, in the same transaction. Rejects with `StoreUnavailable`,
   * also if the file cannot be read: we never treat such a file as one without steps.
   */
  take(): Promise<unknown> {
    let steps: NumberedStep[];
    try {
      steps = [...this.#refused, ...this.#reader.read()];
    } catch (cause) {
      const reason = `steps that task ${this.#active.taskId} has made durable cannot be read: ${(cause as Error).message}`;
      return Promise.reject(new AgentctlError("StoreUnavailable", { reason }, { cause }));
    }
    if (steps.length === 0) return this.#pending;
    this.#refused = [];
    const taking = Promise.all([this.#pending, this.#write(steps)]);
    const settled = () => {
      if (this.#pending === taking) this.#pending = Promise.resolve();
    };
    taking.then(settled, settled);
    this.#pending = taking;
    return taking;
  }

  /** Whether the step with this number was read. */
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
      if (isTemporary(error)) {
        this.#refused = [...steps, ...this.#refused].sort((a, b) => a.number - b.number);
        throw error;
      }
      await this.#writeEach(rows);
    }
    for (const row of rows) this.#active.endCall(row);
  }

  /** Writes each row alone, so that one that the store never takes does not block the others or end the attempt. */
  async #writeEach(rows: Row[]): Promise<void> {
    const { log, store } = this.#ports;
    for (const row of rows) {
      try {
        await store.acknowledgeAll(this.#active.token, [row]);
      } catch (error) {
        if (isTemporary(error)) throw error;
        log.error(
          { task: this.#active.taskId, step: row.name, error: String(error) },
          "a step that its host made durable cannot be taken",
        );
      }
    }
  }

  /** Takes the steps that the host reported, and soon those that it wrote after them without a further report. */
  checkSoon(): void {
    if (this.#timer) this.#isCheckRequested = true;
    else this.#check(true);
  }

  #check(isWriting: boolean): void {
    this.take().catch(() => this.#checkIn(RETRY_MS));
    if (isWriting) this.#checkIn(LOOK_AGAIN_MS);
  }

  #checkIn(ms: number): void {
    // A take that was under way at the end is not tried again.
    if (this.#isClosed) return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const isCheckRequested = this.#isCheckRequested;
      this.#isCheckRequested = false;
      this.#check(isCheckRequested);
    }, ms);
    this.#timer.unref();
  }

  /** Stops taking steps by timer. */
  close(): void {
    this.#isClosed = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#reader.close();
  }

  /** Stops and deletes the step file, once the attempt is over and all its steps are in the store. */
  end(): void {
    this.close();
    this.#reader.remove();
  }
}

/** Whether the error is about the store as a whole or the attempt, and not about one step. */
function isTemporary(error: unknown): boolean {
  return ["StoreUnavailable", "StaleAttempt"].includes(asAgentctlError(error).name);
}
