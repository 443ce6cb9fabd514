import { closeSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type NumberedStep, REPORT_INTERVAL_MS, readStepLines } from "../home/step-record.ts";

export type { NumberedStep } from "../home/step-record.ts";

/** How long (ms) after a host's notification to read again. By then, the steps that get no notification are written. */
export const LOOK_AGAIN_MS = REPORT_INTERVAL_MS + 5;

/** Returns the path of the file in which the host of an attempt makes brief steps durable. */
export function stepFile(runDir: string, key: string): string {
  return join(runDir, `${key}.steps`);
}

/** Returns the key in the name of a step file, or undefined for any other name. */
export function keyOfStepFile(name: string): string | undefined {
  return /^(.+)\.steps$/.exec(name)?.[1];
}

/** Larger than the largest line. */
const chunk = Buffer.allocUnsafe(64 * 1024);

/** Reads the step file of one attempt, each step once, while its host writes it. */
export class StepReader {
  readonly #path: string;
  readonly #key: string;
  #fd: number | undefined;
  #offset = 0;
  #next: number | undefined;

  constructor(runDir: string, key: string) {
    this.#path = stepFile(runDir, key);
    this.#key = key;
  }

  /** The number of the next step; undefined until one was read. */
  get next(): number | undefined {
    return this.#next;
  }

  /** Returns the steps written since the last call, or none if there is no file. Throws if it cannot be read. */
  read(): NumberedStep[] {
    this.#fd ??= openIfExists(this.#path);
    const steps: NumberedStep[] = [];
    if (this.#fd === undefined) return steps;
    for (;;) {
      let batch = this.#readAt(this.#offset);
      // The file was full, and is written again from its beginning.
      if (batch.length === 0 && this.#offset > 0) batch = this.#readAt(0);
      if (batch.length === 0) return steps;
      steps.push(...batch);
    }
  }

  /** Closes the file. The next {@link read} opens it again. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Closes and deletes the file. */
  remove(): void {
    this.close();
    rmSync(this.#path, { force: true });
  }

  #readAt(offset: number): NumberedStep[] {
    const size = readSync(this.#fd as number, chunk, 0, chunk.length, offset);
    const { steps, length } = readStepLines(this.#key, chunk.subarray(0, size), this.#next);
    const last = steps.at(-1);
    if (!last) return [];
    this.#offset = offset + length;
    this.#next = last.number + 1;
    return steps;
  }
}

function openIfExists(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
}
