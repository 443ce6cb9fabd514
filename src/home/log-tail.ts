import { type FSWatcher, watch } from "node:fs";
import { LogFile, type LogPlace } from "./log-file.ts";

export interface AttemptLog {
  attempt: number;
  path: string;
  /** Opens the log if its path is on another machine. */
  open?: Exclude<LogPlace, string>;
}

/** Returns where to read the log. */
export function placeOf({ path, open }: AttemptLog): LogPlace {
  return open ?? path;
}

/** How often to check for output, in ms, if the file system does not report writes. */
const POLL_MS = 100;

/**
 * Follows the logs of a task's attempts, one after the other. It reads the files directly: a task's output never passes
 * through the daemon, and arrives even while no daemon runs.
 */
export class LogTail {
  readonly #take: (chunk: Buffer) => Promise<void>;
  readonly #begin: (attempt: number) => void;
  readonly #timer: NodeJS.Timeout;
  #logs: readonly AttemptLog[] = [];
  #index = -1;
  #file: LogFile | undefined;
  #watcher: FSWatcher | undefined;
  #pumping: Promise<void> | undefined;
  #failure: unknown;

  /** `begin` is called for each attempt before the first byte of its log. */
  constructor(take: (chunk: Buffer) => Promise<void>, begin: (attempt: number) => void) {
    this.#take = take;
    this.#begin = begin;
    this.#timer = setInterval(() => this.#pump(), POLL_MS);
  }

  /** Sets the current list of attempts. */
  update(logs: readonly AttemptLog[]): void {
    this.#logs = logs;
    void this.#pump();
  }

  /** Resolves when everything that was written before the call has been read. */
  async drained(): Promise<void> {
    await this.#pumping;
    await this.#pump();
    if (this.#failure) throw this.#failure;
  }

  /** Starts at this offset of this log instead of at the beginning of the first log. */
  async startAt(log: AttemptLog, logs: readonly AttemptLog[], offset: number): Promise<void> {
    this.#logs = logs;
    this.#index = logs.indexOf(log);
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
      const next = this.#logs[this.#index + 1];
      // A later attempt exists only when no process of the earlier one writes any more.
      await this.#file?.drain(this.#take);
      if (!next) return;
      this.#index += 1;
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
      // The file does not exist yet, or cannot be watched: the timer covers it.
      this.#watcher = undefined;
    }
  }
}
