import { type FileHandle, open } from "node:fs/promises";

const CHUNK_BYTES = 64 * 1024;
/** The first line of a log of which the oldest bytes are gone. */
const MARKER = /^\[agentctl: (\d+) bytes of older output dropped\] *\n/;
const MARKER_START = "[agentctl: ";
const LONGEST_MARKER_BYTES = 16 * 1024;

/** The front of a log as it is now: how many bytes of output are gone, and how long the line is that says so. */
interface Front {
  dropped: number;
  length: number;
}

/**
 * A log file that is read on and on while it grows, and while it is shortened from its front: each byte of output
 * is taken once. A file that is not there is empty.
 */
export class LogFile {
  readonly #path: string;
  #handle: FileHandle | undefined;
  #front: Front | undefined;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Goes on from there. */
  async skipTo(offset: number): Promise<void> {
    if (await this.#opened()) this.#offset = offset;
  }

  /** Takes everything up to the present end. */
  async drain(take: (chunk: Buffer) => Promise<void>): Promise<void> {
    const handle = await this.#opened();
    if (!handle || !(await this.#followFront(handle))) return;
    for (;;) {
      const { buffer, bytesRead } = await handle.read(
        Buffer.allocUnsafe(CHUNK_BYTES),
        0,
        CHUNK_BYTES,
        this.#offset,
      );
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      await take(buffer.subarray(0, bytesRead));
    }
  }

  close(): void {
    this.#handle?.close().catch(() => undefined);
    this.#handle = undefined;
  }

  async #opened(): Promise<FileHandle | undefined> {
    if (this.#handle) return this.#handle;
    try {
      this.#handle = await open(this.#path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return undefined;
    }
    this.#front = await frontOf(this.#handle);
    return this.#handle;
  }

  /** Moves the place of reading along with a front that was cut off; false while that is under way. */
  async #followFront(handle: FileHandle): Promise<boolean> {
    const { size } = await handle.stat();
    const front = await frontOf(handle);
    const before = this.#front ?? front;
    if (front.dropped === before.dropped) return size >= this.#offset;
    const taken = before.dropped + this.#offset - before.length;
    this.#front = front;
    // Who missed some of what is gone gets to read the line that says so.
    this.#offset = taken < front.dropped ? 0 : taken - front.dropped + front.length;
    return true;
  }
}

async function frontOf(handle: FileHandle): Promise<Front> {
  const start = await textAt(handle, MARKER_START.length);
  if (start !== MARKER_START) return { dropped: 0, length: 0 };
  const [line = "", dropped = "0"] = MARKER.exec(await textAt(handle, LONGEST_MARKER_BYTES)) ?? [];
  return { dropped: Number(dropped), length: line.length };
}

async function textAt(handle: FileHandle, length: number): Promise<string> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
  return buffer.toString("latin1", 0, bytesRead);
}

/** Where the last `lines` lines of a file begin, and how many of them it does not have. */
export async function lastLinesOf(path: string, lines: number): Promise<{ offset: number; missing: number }> {
  const handle = await open(path).catch(() => undefined);
  if (!handle) return { offset: 0, missing: lines };
  try {
    const { size } = await handle.stat();
    if (lines === 0) return { offset: size, missing: 0 };
    let found = 0;
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - CHUNK_BYTES);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(end - start), 0, end - start, start);
      for (let at = bytesRead - 1; at >= 0; at--) {
        // The line break at the very end begins no line.
        if (buffer[at] !== 10 || start + at === size - 1) continue;
        found += 1;
        if (found === lines) return { offset: start + at + 1, missing: 0 };
      }
      end = start;
    }
    return { offset: 0, missing: size === 0 ? lines : lines - found - 1 };
  } finally {
    await handle.close();
  }
}
