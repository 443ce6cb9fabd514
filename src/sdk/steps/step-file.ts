import { close, closeSync, fdatasyncSync, fsync, open, rmSync, write, writeSync } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { systemClock } from "../../core/time.ts";
import { type StepRecord, stepLine } from "../../home/step-record.ts";

/** Room for some hundred steps between two times that the daemon is waited for. */
const SIZE_BYTES = 256 * 1024;

/** A larger one goes by the daemon, and leaves the room to others. */
const LARGEST_BYTES = SIZE_BYTES / 8;

/** A write that takes longer than this many ms holds up the module; after so many of them the daemon has the next ones. */
const SLOW_MS = 5;
const MOST_SLOW = 3;
/** Then it is tried again. */
const REST_MS = 1000;

/** A time of being full. */
export interface Full {
  times: number;
  /** The number of the last step that stands there. */
  written: number;
}

interface Waiting {
  line: Buffer;
  done: (isDurable: boolean) => void;
}

/**
 * Where a module host makes steps durable by itself, in a file of its attempt that the daemon reads: a wait for the disk,
 * and none for another process. What does not fit goes by the daemon, as do all while the disk is slow or once a write fails.
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
  #at = 0;
  #number = 1;
  #slow = 0;
  #restsUntil = 0;
  #waiting: Waiting[] = [];

  constructor({ path, key }: { path: string; key: string }, { slowMs = SLOW_MS } = {}) {
    this.#path = path;
    this.#key = key;
    this.#slowMs = slowMs;
  }

  /** Makes the file, for steps to come; until it is there they go by the daemon. */
  prepare(): void {
    if (this.#isGivenUp) return;
    this.#preparing ??= this.#make().catch(() => void this.#giveUp());
  }

  /** Undefined where it has room. */
  get full(): Full | undefined {
    return this.#isFull ? { times: this.#timesFull, written: this.#number - 1 } : undefined;
  }

  /**
   * The daemon was told a step while the file was full. Where it has taken all that stood there, the file is written again
   * from its beginning; where it has not, the file stays as it is for good.
   */
  emptied({ times }: Full, isTaken: boolean): void {
    if (!this.#isFull || times !== this.#timesFull) return;
    if (!isTaken) return void this.#giveUp();
    this.#isFull = false;
    this.#at = 0;
  }

  /** Answers true when the step is on disk, and false when it is to be told to the daemon. */
  append(step: StepRecord): Promise<boolean> {
    if (this.#fd === undefined || this.#isFull || this.#isResting) return Promise.resolve(false);
    const line = Buffer.from(stepLine(this.#key, { ...step, number: this.#number }));
    if (line.length > LARGEST_BYTES) return Promise.resolve(false);
    this.#number++;
    return new Promise((done) => {
      // At the end of this turn of the event loop: what ends together shares the wait, and the socket is read in between.
      if (this.#waiting.length === 0) setImmediate(() => this.#flush());
      this.#waiting.push({ line, done });
    });
  }

  get #isResting(): boolean {
    return this.#restsUntil > 0 && systemClock.mono() < this.#restsUntil;
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const fitting = this.#isFull ? 0 : this.#fitting(waiting);
    const isDurable = fitting > 0 && this.#write(waiting.slice(0, fitting).map(({ line }) => line));
    if (fitting < waiting.length) {
      if (!this.#isFull) this.#timesFull++;
      this.#isFull = true;
      this.#number -= waiting.length - fitting;
    }
    for (const [i, { done }] of waiting.entries()) done(isDurable && i < fitting);
  }

  /** How many of them the room that is left holds. */
  #fitting(waiting: readonly Waiting[]): number {
    let room = SIZE_BYTES - this.#at;
    const first = waiting.findIndex(({ line }) => {
      room -= line.length;
      return room < 0;
    });
    return first < 0 ? waiting.length : first;
  }

  #write(lines: Buffer[]): boolean {
    const bytes = lines.length === 1 ? (lines[0] as Buffer) : Buffer.concat(lines);
    const began = systemClock.mono();
    try {
      const written = writeSync(this.#fd as number, bytes, 0, bytes.length, this.#at);
      if (written < bytes.length) return this.#giveUp();
      fdatasyncSync(this.#fd as number);
    } catch {
      return this.#giveUp();
    }
    this.#at += bytes.length;
    this.#slow = systemClock.mono() - began > this.#slowMs ? this.#slow + 1 : 0;
    if (this.#slow >= MOST_SLOW) this.#restsUntil = systemClock.mono() + REST_MS;
    return true;
  }

  /** Nothing is written from here on; what was, stays and counts. */
  #giveUp(): false {
    this.#isGivenUp = true;
    const fd = this.#fd;
    this.#fd = undefined;
    try {
      if (fd !== undefined) closeSync(fd);
    } catch {
      // What a failing disk has to say at the end changes nothing.
    }
    return false;
  }

  /** Its room is taken beforehand, so that a step changes no more on the disk than its own bytes, also on a full one. */
  async #make(): Promise<void> {
    const fd = await promisify(open)(this.#path, "wx", 0o600);
    try {
      const { bytesWritten } = await promisify(write)(fd, Buffer.alloc(SIZE_BYTES));
      if (bytesWritten < SIZE_BYTES) throw new Error("there is no room for it");
      await promisify(fsync)(fd);
      await syncFolder(dirname(this.#path));
    } catch (error) {
      closeSync(fd);
      // What it has taken is of more use to others.
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
