import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

type Pairs = [pid: number, startTime: number][];

/** What a daemon records about a tree for the next daemon. */
export interface Held {
  isHeld: boolean;
  /** Processes that were seen in the tree but show no sign of it. */
  seen: Pairs;
  /** Processes that were stopped before agentctl stopped the tree. */
  before: Pairs;
}

/** The file of one tree, `<key>.tree`. It is ignored after a reboot of the machine. Most attempts have no such file. */
export class Record {
  readonly #file: string;
  readonly #bootId: string;
  #isThere: boolean;

  /** `isNew`: no earlier daemon can have written the file. */
  constructor(runDir: string, key: string, { bootId, isNew }: { bootId: string; isNew: boolean }) {
    this.#file = join(runDir, `${key}.tree`);
    this.#bootId = bootId;
    this.#isThere = !isNew;
  }

  read(): Held | undefined {
    if (!this.#isThere) return undefined;
    try {
      const { bootId, ...held } = JSON.parse(readFileSync(this.#file, "utf8")) as Held & { bootId: string };
      return bootId === this.#bootId ? held : undefined;
    } catch {
      return undefined;
    }
  }

  write(held: Held): void {
    if (!held.isHeld && held.seen.length === 0) {
      this.remove();
      return;
    }
    try {
      writeFileSync(`${this.#file}.new`, JSON.stringify({ bootId: this.#bootId, ...held }), { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
      this.#isThere = true;
    } catch {
      // A full disk must not keep a tree from being stopped.
    }
  }

  remove(): void {
    if (!this.#isThere) return;
    this.#isThere = false;
    rmSync(this.#file, { force: true });
  }
}
