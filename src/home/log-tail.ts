import { type FSWatcher, watch } from "node:fs";
import { LogFile, type LogPlace } from "./log-file.ts";

export interface AttemptLog {
  attempt: number;
  path: string;
  /** Opens it where its path is one of another machine. */
  open?: Exclude<LogPlace, string>;
}

/** Where to read the log. */
export function placeOf({ path, open }: AttemptLog): LogPlace {
  return open ?? path;
}

/** How soon output is seen where the file system tells nothing of a write. */
const POLL_MS = 100;

/**
 * Follows the logs of a task's attempts, one after the other, reading the files themselves: what a task prints
 * never passes through the daemon, and comes also while there is none.
 */
export class LogTail {
  readonly #take: (chunk: Buffer) => Promise<void>;
  readonly #begin: (attempt: number) => void;
  readonly #timer: NodeJS.Timeout;
  #logs: readonly AttemptLog[] = [];
  #at = -1;
  #file: LogFile | undefined;
  #watcher: FSWatcher | undefined;
  #pumping: Promise<void> | undefined;
  #failure: unknown;

  /** `begin` is told of each attempt before the first byte of its log. */
  constructor(take: (chunk: Buffer) => Promise<void>, begin: (attempt: number) => void) {
    this.#take = take;
    this.#begin = begin;
    this.#timer = setInterval(() => this.#pump(), POLL_MS);
  }

  /** The attempts that there are now. */
  update(logs: readonly AttemptLog[]): void {
    this.#logs = logs;
    void this.#pump();
  }

  /** Resolves when everything that was written before the call was taken. */
  async drained(): Promise<void> {
    await this.#pumping;
    await this.#pump();
    if (this.#failure) throw this.#failure;
  }

  /** Starts at this place of this log instead of at the beginning of the first. */
  async startAt(log: AttemptLog, logs: readonly AttemptLog[], offset: number): Promise<void> {
    this.#logs = logs;
    this.#at = logs.indexOf(log);
    this.#open(log);
    await this.#file?.skipTo(offset);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watcher?.close();
    this.#file?.close();
  }

  #pump(): Promise<void> {
    this.#pumping ??= this.#drain()
      .catch((error: unknown) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#pumping = undefined;
      });
    return this.#pumping;
  }

  async #drain(): Promise<void> {
    for (;;) {
      const next = this.#logs[this.#at + 1];
      // A later attempt is there only when nothing of the earlier one writes any more.
      await this.#file?.drain(this.#take);
      if (!next) return;
      this.#at += 1;
      this.#open(next);
      this.#begin(next.attempt);
    }
  }

  #open(log: AttemptLog): void {
    const { path, open } = log;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#file?.close();
    this.#file = new LogFile(placeOf(log));
    if (open) return;
    try {
      this.#watcher = watch(path, { persistent: false }, () => void this.#pump());
      this.#watcher.on("error", () => undefined);
    } catch {
      // It is not there yet, or cannot be watched: the timer sees it.
      this.#watcher = undefined;
    }
  }
}
