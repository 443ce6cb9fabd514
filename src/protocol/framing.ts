import { StringDecoder } from "node:string_decoder";

/** The longest line either side takes, in bytes. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Thrown by {@link LineSplitter.push} when a line is longer than {@link MAX_LINE_BYTES}. */
export class LineTooLong extends Error {}

/**
 * Cuts a byte stream into UTF-8 lines. Memory is bounded by the longest line, and a line that arrives in many
 * chunks is joined once, so a slow or endless peer costs linear work.
 */
export class LineSplitter {
  #parts: Buffer[] = [];
  #size = 0;
  readonly #max: number;

  constructor(max = MAX_LINE_BYTES) {
    this.#max = max;
  }

  /** The lines that `chunk` completes, without their line ends. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      this.#keep(chunk.subarray(start, end));
      lines.push(this.#take());
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(part: Buffer): void {
    this.#size += part.length;
    if (this.#size > this.#max) {
      this.#parts = [];
      throw new LineTooLong(`a line of more than ${this.#max} bytes`);
    }
    this.#parts.push(part);
  }

  #take(): string {
    const line = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    return new StringDecoder("utf8").end(line);
  }
}
