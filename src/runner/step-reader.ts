import { closeSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type NumberedStep, readStepLines, WORD_EVERY_MS } from "../home/step-record.ts";

export type { NumberedStep } from "../home/step-record.ts";

/** So long (ms) after a host's word that it writes steps, all are written of which it says nothing more. */
export const LOOK_AGAIN_MS = WORD_EVERY_MS + 5;

/** Where the host of an attempt makes brief steps durable by itself. */
export function stepFile(runDir: string, key: string): string {
  return join(runDir, `${key}.steps`);
}

/** The key that the name of a step file holds; undefined for every other name. */
export function keyOfStepFile(name: string): string | undefined {
  return /^(.+)\.steps$/.exec(name)?.[1];
}

/** More than the largest line. */
const chunk = Buffer.allocUnsafe(64 * 1024);

/** Reads the step file of one attempt, each step once, while its host writes it. */
export class StepReader {
  readonly #path: string;
  readonly #key: string;
  #fd: number | undefined;
  #at = 0;
  #next: number | undefined;

  constructor(runDir: string, key: string) {
    this.#path = stepFile(runDir, key);
    this.#key = key;
  }

  /** The number of the next step; undefined until one was read. */
  get next(): number | undefined {
    return this.#next;
  }

  /** The steps that were written since the last call; none where there is no file. Throws where it cannot be read. */
  read(): NumberedStep[] {
    this.#fd ??= openIfThere(this.#path);
    const found: NumberedStep[] = [];
    if (this.#fd === undefined) return found;
    for (;;) {
      let steps = this.#readAt(this.#at);
      // It was full, and is written again from its beginning.
      if (steps.length === 0 && this.#at > 0) steps = this.#readAt(0);
      if (steps.length === 0) return found;
      found.push(...steps);
    }
  }

  /** The next call opens it again. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** The file is of no more use. */
  remove(): void {
    this.close();
    rmSync(this.#path, { force: true });
  }

  #readAt(at: number): NumberedStep[] {
    const size = readSync(this.#fd as number, chunk, 0, chunk.length, at);
    const { steps, length } = readStepLines(this.#key, chunk.subarray(0, size), this.#next);
    const last = steps.at(-1);
    if (!last) return [];
    this.#at = at + length;
    this.#next = last.number + 1;
    return steps;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return undefined;
  }
}
