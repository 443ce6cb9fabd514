import { HEAD_BYTES, type LogBytes } from "./log-file.ts";

/** Bytes of a log, from a place of it; `offset` is where they are. */
interface Piece {
  data: Buffer;
  offset: number;
  size: number;
}

/**
 * A log whose bytes somebody gives out in pieces. Of one of which only the end is there, `start` is the first byte; places
 * count from it. What cannot be had is as if it was not written yet.
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
    // One call, and not two, for each look at a log that is quiet.
    if (head && offset === 0 && length <= head.length) return head.subarray(0, length);
    const at = this.#start + offset;
    const found = await this.#read(at, length);
    return found.offset === at ? found.data : Buffer.alloc(0);
  }

  close(): void {}
}
