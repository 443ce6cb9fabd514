import { isUtf8 } from "node:buffer";

/** The longest line that either side accepts, in bytes. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** Thrown by {@link LineSplitter.push} for a line above its limit, by default {@link MAX_LINE_BYTES}. */
export class LineTooLong extends Error {}

/** Thrown by {@link LineSplitter.push} for a line that is not UTF-8: decoding it would change its text. */
export class LineNotUtf8 extends Error {
  constructor() {
    super("it is not UTF-8");
  }
}

const NEWLINE = 10;
const FIRST_BYTES = 4096;

/**
 * Cuts a byte stream into UTF-8 lines. It keeps an incomplete line in one buffer, which doubles when it is full. So a
 * slow or endless peer costs linear work and at most twice the longest line of memory, however small the chunks are.
 */
export class LineSplitter {
  #kept = Buffer.alloc(0);
  #size = 0;
  #isOver = false;
  readonly #max: number;

  constructor(max = MAX_LINE_BYTES) {
    this.#max = max;
  }

  /** The size of the buffer that holds an incomplete line, in bytes. */
  get waitingBytes(): number {
    return this.#kept.length;
  }

  /** Returns the lines that `chunk` completes, without their line ends. */
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

/**
 * The deepest nesting that a message may have. Code that recurses through values has stack space for many times that.
 */
export const MAX_DEPTH = 1500;

const QUOTE = 34;
const BACKSLASH = 92;

/** Returns whether this JSON text nests deeper than {@link MAX_DEPTH}. Linear time, without recursion. */
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

/** Returns the index of the quote that closes the string at `start`, or the end of the text if none does. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return at;
  }
  return text.length;
}
