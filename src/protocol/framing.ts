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
const INITIAL_BYTES = 4096;

/**
 * Cuts a byte stream into UTF-8 lines. It keeps an incomplete line in one buffer, which doubles when it is full. So a
 * slow or endless peer costs linear work and at most twice the longest line of memory, however small the chunks are.
 */
export class LineSplitter {
  #buffer = Buffer.alloc(0);
  #size = 0;
  #hasOverflowed = false;
  readonly #max: number;

  constructor(max = MAX_LINE_BYTES) {
    this.#max = max;
  }

  /** The size of the buffer that holds an incomplete line, in bytes. */
  get waitingBytes(): number {
    return this.#buffer.length;
  }

  /** Returns the lines that `chunk` completes, without their line ends. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      lines.push(this.#line(chunk.subarray(start, end)));
      start = end + 1;
    }
    if (start < chunk.length) this.#append(chunk.subarray(start));
    return lines;
  }

  #line(part: Buffer): string {
    if (this.#size === 0) {
      this.#checkSize(part.length);
      return decode(part);
    }
    this.#append(part);
    const line = decode(this.#buffer.subarray(0, this.#size));
    this.#buffer = Buffer.alloc(0);
    this.#size = 0;
    return line;
  }

  #append(part: Buffer): void {
    const size = this.#size + part.length;
    this.#checkSize(size);
    if (size > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(
        Math.min(Math.max(size, this.#buffer.length * 2, INITIAL_BYTES), this.#max),
      );
      this.#buffer.copy(larger, 0, 0, this.#size);
      this.#buffer = larger;
    }
    part.copy(this.#buffer, this.#size);
    this.#size = size;
  }

  #checkSize(size: number): void {
    if (size <= this.#max && !this.#hasOverflowed) return;
    this.#hasOverflowed = true;
    this.#buffer = Buffer.alloc(0);
    throw new LineTooLong(`a line of more than ${this.#max} bytes`);
  }
}

function decode(line: Buffer): string {
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
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === QUOTE) index = endOfString(text, index);
    else if (code === 91 || code === 123) {
      depth++;
      if (depth > MAX_DEPTH) return true;
    } else if (code === 93 || code === 125) depth--;
  }
  return false;
}

/** Returns the index of the quote that closes the string at `start`, or the end of the text if none does. */
function endOfString(text: string, start: number): number {
  for (let index = text.indexOf('"', start + 1); index !== -1; index = text.indexOf('"', index + 1)) {
    let slashes = 0;
    while (text.charCodeAt(index - 1 - slashes) === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return index;
  }
  return text.length;
}
