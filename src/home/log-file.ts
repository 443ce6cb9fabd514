import { type FileHandle, open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const CHUNK_BYTES = 64 * 1024;
/** The first line of a log whose oldest bytes were dropped. */
const MARKER = /^\[agentctl: (\d+) bytes of older output dropped\] *\n/;
const MARKER_START = "[agentctl: ";
/** How many bytes identify the front of a log; they are read at each check of its size. */
export const HEAD_BYTES = 64;
const MAX_MARKER_BYTES = 16 * 1024;
/** The marker line is written shortly after the cut: how often and how many times to check for it. */
const CUT_POLL_MS = 10;
const MAX_CUT_POLLS = 300;

/** A file, on this machine or another, that can be read at any offset. */
export interface LogBytes {
  size(): Promise<number>;
  /** Returns at most `length` bytes; fewer at the end of the file, and none after it. */
  read(offset: number, length: number): Promise<Buffer>;
  close(): void;
}

/** Where a log is: a path, or a function that opens it elsewhere and resolves to undefined if it does not exist yet. */
export type LogPlace = string | (() => Promise<LogBytes | undefined>);

/** The front of a log: how many bytes of output were dropped, the length of the marker line, and the first bytes. */
interface Front {
  dropped: number;
  length: number;
  head: Buffer;
}

/**
 * A log file that is read continuously while it grows and while its front is cut off: each byte of output is read once.
 * A missing file counts as empty.
 */
export class LogFile {
  readonly #place: LogPlace;
  /** Resolves to undefined if there is no file yet. */
  #opening: Promise<LogBytes | undefined> | undefined;
  #front: Front | undefined;
  #offset = 0;

  constructor(place: LogPlace) {
    this.#place = place;
  }

  /** Continues at `offset`. */
  async skipTo(offset: number): Promise<void> {
    if (await this.#ensureOpen()) this.#offset = offset;
  }

  /** Reads everything up to the current end. */
  async drain(take: (chunk: Buffer) => Promise<void>): Promise<void> {
    const bytes = await this.#ensureOpen();
    const end = bytes ? await this.#followFront(bytes) : 0;
    while (bytes && this.#offset < end) {
      const chunk = await bytes.read(this.#offset, CHUNK_BYTES);
      if (chunk.length === 0) return;
      this.#offset += chunk.length;
      await take(chunk);
    }
  }

  close(): void {
    // A file that is still being opened would otherwise stay open.
    this.#opening?.then(
      (bytes) => bytes?.close(),
      () => undefined,
    );
    this.#opening = undefined;
  }

  /** Opens the file once, even if two callers need it at the same time. The next caller tries again if that fails. */
  #ensureOpen(): Promise<LogBytes | undefined> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  async #open(): Promise<LogBytes | undefined> {
    let bytes: LogBytes | undefined;
    let isOpen = false;
    try {
      bytes = await openLog(this.#place);
      if (bytes) this.#front = await frontOf(bytes);
      isOpen = bytes !== undefined;
      return bytes;
    } finally {
      if (!isOpen) {
        bytes?.close();
        this.#opening = undefined;
      }
    }
  }

  /** Adjusts the read offset after the front was cut off; returns the size of the log. */
  async #followFront(bytes: LogBytes): Promise<number> {
    let size = await bytes.size();
    let front = await frontOf(bytes);
    const before = this.#front ?? front;
    // The log was emptied, or its front cannot be read now.
    if (front.head.length < before.head.length && front.dropped <= before.dropped) return size;
    for (let poll = 0; poll < MAX_CUT_POLLS && isBeingCut(before, front); poll++) {
      await sleep(CUT_POLL_MS);
      size = await bytes.size();
      front = await frontOf(bytes);
    }
    if (front.dropped === before.dropped) {
      if (front.head.length > before.head.length) this.#front = front;
      return size;
    }
    const readBytes = before.dropped + this.#offset - before.length;
    this.#front = front;
    // A reader that missed some of the dropped bytes gets the marker line.
    this.#offset = readBytes < front.dropped ? 0 : readBytes - front.dropped + front.length;
    return size;
  }
}

/** Returns whether bytes were dropped and the marker line that counts them is not there yet. */
function isBeingCut(before: Front, { dropped, head }: Front): boolean {
  return (
    dropped < before.dropped || (dropped === 0 && !head.subarray(0, before.head.length).equals(before.head))
  );
}

/** Resolves to undefined if there is no file. */
async function openLog(place: LogPlace): Promise<LogBytes | undefined> {
  if (typeof place !== "string") return await place();
  const handle = await open(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return undefined;
  });
  return handle && bytesOf(handle);
}

function bytesOf(handle: FileHandle): LogBytes {
  return {
    size: async () => (await handle.stat()).size,
    read: async (offset, length) => {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    },
    close: () => void handle.close().catch(() => undefined),
  };
}

async function frontOf(bytes: LogBytes): Promise<Front> {
  const head = await bytes.read(0, HEAD_BYTES);
  if (head.toString("latin1", 0, MARKER_START.length) !== MARKER_START)
    return { dropped: 0, length: 0, head };
  const text = (await bytes.read(0, MAX_MARKER_BYTES)).toString("latin1");
  const [line = "", dropped = "0"] = MARKER.exec(text) ?? [];
  return { dropped: Number(dropped), length: line.length, head };
}

/** Returns where the last `lines` lines of a log begin, and how many of them the log does not have. */
export async function lastLinesOf(
  place: LogPlace,
  lines: number,
): Promise<{ offset: number; missing: number }> {
  const bytes = await openLog(place);
  if (!bytes) return { offset: 0, missing: lines };
  try {
    const size = await bytes.size();
    if (lines === 0) return { offset: size, missing: 0 };
    let count = 0;
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - CHUNK_BYTES);
      const chunk = await bytes.read(start, end - start);
      for (let index = chunk.length - 1; index >= 0; index--) {
        // The line break at the very end begins no line.
        if (chunk[index] !== 10 || start + index === size - 1) continue;
        count += 1;
        if (count === lines) return { offset: start + index + 1, missing: 0 };
      }
      end = start;
    }
    return { offset: 0, missing: size === 0 ? lines : lines - count - 1 };
  } finally {
    bytes.close();
  }
}
