import { close, closeSync, fdatasyncSync, fsync, open, rmSync, write, writeSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "../../core/time.ts";
import { type StepRecord, stepLine } from "../../home/step-record.ts";

/** The size of the file. Some hundred steps fit into it before the host must wait for the daemon. */
const SIZE_BYTES = 256 * 1024;

/** A larger step goes through the daemon, and leaves the room to others. */
const MAX_STEP_BYTES = SIZE_BYTES / 8;

/** Longer writes block the module too much. After this many of them in a row, steps go through the daemon. */
const SLOW_MS = 5;
const MAX_SLOW_WRITES = 3;
/** How long steps then go through the daemon before the file is tried again. */
const REST_MS = 1000;

/** One time that the file was full. */
export interface Full {
  times: number;
  /** The number of the last step in the file. */
  written: number;
}

interface PendingStep {
  line: Buffer;
  done: (isDurable: boolean) => void;
}

/**
 * The file of an attempt in which the module host makes steps durable, and which the daemon reads. The host waits for
 * the disk, but not for another process. A step that does not fit goes through the daemon. So do all steps while the
 * disk is slow, and after a write has failed.
 */
export class StepFile {
  readonly #path: string;
  readonly #key: string;
  readonly #slowMs: number;
  #fd: number | undefined;
  #preparing: Promise<void> | undefined;
  #isGivenUp = false;
  #isFull = false;
  #timesFull = 0;
  #offset = 0;
  #number = 1;
  #slowWrites = 0;
  #restsUntil = 0;
  #pending: PendingStep[] = [];

  constructor({ path, key }: { path: string; key: string }, { slowMs = SLOW_MS } = {}) {
    this.#path = path;
    this.#key = key;
    this.#slowMs = slowMs;
  }

  /** Starts to create the file. Until it is ready, steps go through the daemon. */
  prepare(): void {
    if (this.#isGivenUp) return;
    this.#preparing ??= this.#create().catch(() => void this.#giveUp());
  }

  /** Undefined while the file has room. */
  get full(): Full | undefined {
    return this.#isFull ? { times: this.#timesFull, written: this.#number - 1 } : undefined;
  }

  /**
   * Called when the daemon has received a step while the file was full. If the daemon has taken all steps in the file
   * (`isTaken`), the file is written again from its beginning. If not, the file is never written again.
   */
  emptied({ times }: Full, isTaken: boolean): void {
    if (!this.#isFull || times !== this.#timesFull) return;
    if (!isTaken) return void this.#giveUp();
    this.#isFull = false;
    this.#offset = 0;
  }

  /** Resolves with true when the step is on disk, or with false if it must be sent to the daemon. */
  append(step: StepRecord): Promise<boolean> {
    if (this.#fd === undefined || this.#isFull || this.#isResting) return Promise.resolve(false);
    const line = Buffer.from(stepLine(this.#key, { ...step, number: this.#number }));
    if (line.length > MAX_STEP_BYTES) return Promise.resolve(false);
    this.#number++;
    return new Promise((resolve) => {
      // At the end of this turn of the event loop, so that steps that end together share one wait. The socket is read
      // in between.
      if (this.#pending.length === 0) setImmediate(() => this.#flush());
      this.#pending.push({ line, done: resolve });
    });
  }

  get #isResting(): boolean {
    return this.#restsUntil > 0 && systemClock.mono() < this.#restsUntil;
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    const fitCount = this.#isFull ? 0 : this.#countFitting(pending);
    const isDurable = fitCount > 0 && this.#write(pending.slice(0, fitCount).map(({ line }) => line));
    if (fitCount < pending.length) {
      if (!this.#isFull) this.#timesFull++;
      this.#isFull = true;
      this.#number -= pending.length - fitCount;
    }
    for (const [i, { done }] of pending.entries()) done(isDurable && i < fitCount);
  }

  /** Returns how many of the lines fit into the room that is left. */
  #countFitting(pending: readonly PendingStep[]): number {
    let room = SIZE_BYTES - this.#offset;
    const index = pending.findIndex(({ line }) => {
      room -= line.length;
      return room < 0;
    });
    return index < 0 ? pending.length : index;
  }

  #write(lines: Buffer[]): boolean {
    const bytes = lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines);
    const startedAt = systemClock.mono();
    try {
      const written = writeSync(this.#fd as number, bytes, 0, bytes.length, this.#offset);
      if (written < bytes.length) return this.#giveUp();
      fdatasyncSync(this.#fd as number);
    } catch {
      return this.#giveUp();
    }
    this.#offset += bytes.length;
    this.#slowWrites = systemClock.mono() - startedAt > this.#slowMs ? this.#slowWrites + 1 : 0;
    if (this.#slowWrites >= MAX_SLOW_WRITES) this.#restsUntil = systemClock.mono() + REST_MS;
    return true;
  }

  /** Stops writing for good. What was written remains valid. */
  #giveUp(): false {
    this.#isGivenUp = true;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      if (fd !== undefined) closeSync(fd);
    } catch {
      // An error of a failing disk changes nothing here.
    }
    return false;
  }

  /** Allocates all room ahead, so that a step changes only its own bytes on the disk and also fits on a full disk. */
  async #create(): Promise<void> {
    const fd = await promisify(open)(this.#path, "wx", 0o600);
    try {
      const { bytesWritten } = await promisify(write)(fd, Buffer.alloc(SIZE_BYTES));
      if (bytesWritten < SIZE_BYTES) throw new Error("there is no room for it");
      await promisify(fsync)(fd);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      closeSync(fd);
      // Others can use the space that the file has taken.
      rmSync(this.#path, { force: true });
      throw error;
    }
    this.#fd = fd;
  }
}

async function syncFolder(path: string): Promise<void> {
  const fd = await promisify(open)(path, "r");
  try {
    await promisify(fsync)(fd);
  } finally {
    await promisify(close)(fd);
  }
}
