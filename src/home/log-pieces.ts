import { HEAD_BYTES, type LogBytes } from "./log-file.ts";

/** A piece of a log: its bytes, the offset where they begin, and the size of the log. */
interface Piece {
  data: Buffer;
  offset: number;
  size: number;
}

/**
 * A log that is read in pieces through a callback. If only the end of the log exists, `start` is its first byte and
 * offsets count from there. Bytes that cannot be read count as not yet written.
 */
export class LogPieces implements LogBytes {
  readonly #read: (offset: number, length: number) => Promise<Piece>;
  readonly #start: number;
  #head: Buffer | null = null;

  constructor(read: (offset: number, length: number) => Promise<Piece>, start = 0) {
    this.#read = read;
    this.#start = start;
  }

  async size(): Promise<number> {
    const { data, offset, size } = await this.#read(this.#start, HEAD_BYTES);
    this.#head = offset === this.#start ? data : null;
    return size - this.#start;
  }

  async read(offset: number, length: number): Promise<Buffer> {
    const head = this.#head;
    // Saves a second call for each check of a log that does not grow.
    if (head && offset === 0 && length <= head.length) return head.subarray(0, length);
    const position = this.#start + offset;
    const piece = await this.#read(position, length);
    return piece.offset === position ? piece.data : Buffer.alloc(0);
  }

  close(): void {}
}
