import { isUtf8 } from "node:buffer";

/** The longest line either side takes, in bytes. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Thrown by {@link LineSplitter.push} when a line is longer than {@link MAX_LINE_BYTES}. */
export class LineTooLong extends Error {}

/** Thrown by {@link LineSplitter.push} for a line that, decoded, would say something else than was sent. */
export class LineNotUtf8 extends Error {
  constructor() {
    super("it is not UTF-8");
  }
}

const NEWLINE = 10;
const FIRST_BYTES = 4096;

/**
 * Cuts a byte stream into UTF-8 lines. What waits for its line end is kept in one buffer that doubles as it must, so a
 * slow or endless peer costs linear work, and at most twice the longest line, however small the pieces are.
 */
export class LineSplitter {
  #kept = Buffer.alloc(0);
  #size = 0;
  #isOver = false;
  readonly #max: number;

  constructor(max = MAX_LINE_BYTES) {
    this.#max = max;
  }

  /** How many bytes of memory wait for a line end. */
  get waitingBytes(): number {
    return this.#kept.length;
  }

  /** The lines that `chunk` completes, without their line ends. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(this.#line(chunk.subarray(start, end)));
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return lines;
  }

  #line(rest: Buffer): string {
    if (this.#size === 0) {
      this.#require(rest.length);
      return decoded(rest);
    }
    this.#keep(rest);
    const line = decoded(this.#kept.subarray(0, this.#size));
    this.#kept = Buffer.alloc(0);
    this.#size = 0;
    return line;
  }

  #keep(part: Buffer): void {
    const size = this.#size + part.length;
    this.#require(size);
    if (size > this.#kept.length) {
      const roomy = Buffer.allocUnsafe(
        Math.min(Math.max(size, this.#kept.length * 2, FIRST_BYTES), this.#max),
      );
      this.#kept.copy(roomy, 0, 0, this.#size);
      this.#kept = roomy;
    }
    part.copy(this.#kept, this.#size);
    this.#size = size;
  }

  #require(size: number): void {
    if (size <= this.#max && !this.#isOver) return;
    this.#isOver = true;
    this.#kept = Buffer.alloc(0);
    throw new LineTooLong(`a line of more than ${this.#max} bytes`);
  }
}

function decoded(line: Buffer): string {
  if (isUtf8(line)) return line.toString("utf8");
  throw new LineNotUtf8();
}

/** The deepest nesting that a message may have; what works through values by recursion has room for it many times. */
export const MAX_DEPTH = 1500;

const QUOTE = 34;
const BACKSLASH = 92;

/** Whether arrays and objects in this JSON text are nested deeper than {@link MAX_DEPTH}; linear, and without recursion. */
export function isTooDeep(text: string): boolean {
  if (text.length <= MAX_DEPTH) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === 91 || code === 123) {
      depth++;
      if (depth > MAX_DEPTH) return true;
    } else if (code === 93 || code === 125) depth--;
  }
  return false;
}

/** The place of the quote that closes the string which begins at `start`; the end where none does. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at;
  }
  return text.length;
}
