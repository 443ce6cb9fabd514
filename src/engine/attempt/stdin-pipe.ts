/**
 * The pipe that is the stdin of a program (`run --stdin pipe`): a FIFO beside the task's folder. The daemon writes the
 * messages sent to the task into it, in order.
 *
 * A reader of a FIFO meets its end when no process has it open for writing. So a small process, started with the
 * program, holds the FIFO open, even while there is no daemon. That process ends when it reads a line from a second
 * FIFO, which is how `send --eof` works, or with the rest of the attempt's tree. The daemon also keeps the FIFO open
 * while the task is open, so that the next attempt can read what one attempt left.
 *
 * Each piece of a message is noted in the store before it is written. Before the note, the daemon sets the FIFO's mtime
 * to a value that marks the piece; the kernel changes the mtime with the write. So after a crash the next daemon knows
 * whether the last piece was written, and each piece reaches the program once.
 */
import { closeSync, constants, openSync, statSync, utimesSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { isTerminal } from "../../core/machine.ts";
import type { PipedMessage } from "../../store/inbox.ts";
import type { Engine, TaskPipe } from "../engine.ts";
import { foldersOf } from "../files/environment.ts";

/** A write of at most this many bytes is atomic: whole or not at all (PIPE_BUF of Linux, in pipe(7)). */
const PIECE_BYTES = 4096;
/** How soon, in ms, we retry a pipe that is full or not open yet. Each try doubles the wait, up to a second. */
const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 1000;

export class StdinPipe implements TaskPipe {
  readonly #engine: Engine;
  readonly #taskId: number;
  readonly #path: string;
  readonly #endPath: string;
  readonly #closed = new AbortController();
  #fd: number | null = null;
  #running: Promise<void> | null = null;
  #isRequested = false;
  #isChecked = false;

  /** The FIFOs must exist already. */
  constructor(engine: Engine, taskId: number) {
    const { stdin, stdinEnd } = foldersOf(engine, taskId);
    this.#engine = engine;
    this.#taskId = taskId;
    this.#path = stdin;
    this.#endPath = stdinEnd;
    const unlisten = engine.onEvents((events) => {
      if (!events.some(({ task, to }) => task === taskId && (to === null || isTerminal(to)))) return;
      unlisten();
      this.#close();
    });
  }

  /** Opens the FIFO for an attempt that begins. What is in it stays, even while no program reads it. */
  open(): void {
    this.#fd ??= openSync(this.#path, constants.O_RDWR | constants.O_NONBLOCK);
  }

  /** Writes the waiting messages in the background, after one was sent or an attempt has begun. */
  check(): void {
    this.#isRequested = true;
    this.#running ??= this.#write()
      .catch((error: unknown) => {
        if (!this.#closed.signal.aborted)
          this.#engine.log.error({ task: this.#taskId, error: String(error) }, "stdin could not be written");
      })
      .finally(() => {
        this.#running = null;
      });
  }

  async #write(): Promise<void> {
    if (!this.#isChecked) await this.#finishLastPiece();
    this.#isChecked = true;
    while (this.#isRequested && !this.#closed.signal.aborted) {
      this.#isRequested = false;
      const message = await this.#engine.store.inbox.waiting(this.#taskId);
      if (message?.eof) await this.#end(message);
      else if (message) {
        await this.#writePiece(message);
        this.#isRequested = true;
      }
    }
  }

  /** Writes the piece that an earlier daemon noted but did not write. */
  async #finishLastPiece(): Promise<void> {
    const last = await this.#engine.store.inbox.last(this.#taskId);
    if (!last || Math.round(statSync(this.#path).mtimeMs) !== pieceMtime(last.id, last.written)) return;
    const start = last.written - 1 - ((last.written - 1) % PIECE_BYTES);
    await this.#writeBytes(Buffer.from(last.text).subarray(start, last.written));
  }

  async #writePiece({ id, text, written }: PipedMessage): Promise<void> {
    const bytes = Buffer.from(text);
    const end = Math.min(bytes.length, written + PIECE_BYTES);
    const time = pieceMtime(id, end) / 1000;
    utimesSync(this.#path, time, time);
    await this.#engine.store.inbox.note(id, end, end === bytes.length);
    await this.#writeBytes(bytes.subarray(written, end));
  }

  /** Writes bytes to the FIFO; waits while it is full. */
  async #writeBytes(bytes: Buffer): Promise<void> {
    this.open();
    let remaining = bytes;
    await this.#retry("EAGAIN", () => {
      while (remaining.length > 0) remaining = remaining.subarray(writeSync(this.#fd as number, remaining));
    });
  }

  /** Ends the program's stdin: the program meets the end once it has opened the FIFO and read what comes before. */
  async #end({ id, written }: PipedMessage): Promise<void> {
    const attempt = this.#engine.active.get(this.#taskId)?.attempt;
    // Of an EOF, `written` is the last attempt that met it. Each later attempt must meet it too.
    if (attempt === undefined || attempt === written) return;
    const hasEnded = () => this.#engine.active.get(this.#taskId)?.attempt !== attempt;
    await this.#retry("ENXIO", () => !hasEnded() && this.endAttempt());
    if (hasEnded()) return;
    // With a read end open, the FIFO keeps what this attempt leaves unread for the next one.
    const readFd = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.#closeFd();
    this.#fd = readFd;
    await this.#engine.store.inbox.note(id, attempt, false);
  }

  /** Ends the process that holds the FIFO open. Throws `ENXIO` if there is none. */
  endAttempt(): void {
    const fd = openSync(this.#endPath, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fd, "\n");
    } finally {
      closeSync(fd);
    }
  }

  async #retry(code: string, act: () => void): Promise<void> {
    for (let ms = FIRST_RETRY_MS; ; ms = Math.min(2 * ms, MAX_RETRY_MS)) {
      try {
        return act();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== code) throw error;
        await delay(ms, undefined, { ref: false, signal: this.#closed.signal });
      }
    }
  }

  #closeFd(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #close(): void {
    this.#closed.abort();
    this.#closeFd();
    if (this.#engine.pipes.get(this.#taskId) === this) this.#engine.pipes.delete(this.#taskId);
  }
}

/** Returns the mtime, in ms, that marks one piece of one message; no real write leaves such an mtime. */
function pieceMtime(id: number, end: number): number {
  return id * 1000 + (Math.ceil(end / PIECE_BYTES) % 1000);
}
