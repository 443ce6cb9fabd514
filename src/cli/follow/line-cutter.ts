const NEWLINE = 10;
/** A line without an end is printed in pieces of this many bytes. */
const MAX_LINE_BYTES = 1024 * 1024;

/** Cuts the output of a task into lines, and passes on those that match, with the name of the task in front. */
export class LineCutter {
  readonly #onLine: (line: Buffer) => Promise<void>;
  readonly #prefix: Buffer;
  readonly #pattern: RegExp | undefined;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onLine: (line: Buffer) => Promise<void>, prefix: string, pattern: RegExp | undefined) {
    this.#onLine = onLine;
    this.#prefix = Buffer.from(prefix);
    this.#pattern = pattern;
  }

  async push(chunk: Buffer): Promise<void> {
    let rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    const lines: Buffer[] = [];
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      lines.push(rest.subarray(0, end + 1));
      rest = rest.subarray(end + 1);
    }
    // The reader reuses the memory of the chunk.
    this.#rest = Buffer.from(rest);
    for (const line of lines) await this.#passLine(line);
    if (this.#rest.length >= MAX_LINE_BYTES) await this.end();
  }

  /** Passes on the rest, which has no line end, and adds one. */
  async end(): Promise<void> {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    if (rest.length > 0) await this.#passLine(Buffer.concat([rest, Buffer.from("\n")]));
  }

  async #passLine(line: Buffer): Promise<void> {
    if (this.#pattern && !this.#pattern.test(line.toString("utf8").replace(/\r?\n$/, ""))) return;
    await this.#onLine(this.#prefix.length > 0 ? Buffer.concat([this.#prefix, line]) : line);
  }
}
