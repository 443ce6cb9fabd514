import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { runFile } from "./run-files.ts";

/** So many files of attempts that are over are kept for the next ones. */
const MOST_SPARES = 16;

/**
 * The run files of attempts. One that is no longer needed is emptied and kept: a new file costs some file systems ten
 * times as much as a new name for an old one.
 */
export class RunFolder {
  readonly path: string;
  readonly #spares: string[] = [];
  #count = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** The file of `key` holds `text`, mode 0600, when it is there at all. */
  put(key: string, text: string): void {
    const spare = this.#spares.pop() ?? this.#nextSpare();
    try {
      overwrite(spare, text);
      renameSync(spare, runFile(this.path, key));
    } catch (error) {
      rmSync(spare, { force: true });
      throw error;
    }
  }

  /** Nothing of `key` is left. */
  forget(key: string): void {
    const file = runFile(this.path, key);
    if (this.#spares.length >= MOST_SPARES || !this.#keep(file)) rmSync(file, { force: true });
  }

  #keep(file: string): boolean {
    const spare = this.#nextSpare();
    try {
      // Not to nothing: some file systems write a file at once that was emptied and filled again.
      truncateSync(file, 1);
      renameSync(file, spare);
      this.#spares.push(spare);
      return true;
    } catch {
      return false;
    }
  }

  #nextSpare(): string {
    return join(this.path, `spare-${this.#count++}.run`);
  }
}

/** Writes over what is there, and then cuts off the rest. */
function overwrite(file: string, text: string): void {
  const fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    writeFileSync(fd, text);
    ftruncateSync(fd, Buffer.byteLength(text));
  } finally {
    closeSync(fd);
  }
}
