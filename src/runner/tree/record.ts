import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

type Pairs = [pid: number, startTime: number][];

/** What a daemon records about a tree for the next daemon. */
export interface TreeState {
  isHeld: boolean;
  /** Processes that were seen in the tree but show no sign of it. */
  seen: Pairs;
  /** Processes that were stopped before agentctl stopped the tree. */
  before: Pairs;
}

/** The file of one tree, `<key>.tree`. It is ignored after a reboot of the machine. Most attempts have no such file. */
export class TreeRecord {
  readonly #file: string;
  readonly #bootId: string;
  #exists: boolean;

  /** `isNew`: no earlier daemon can have written the file. */
  constructor(runDir: string, key: string, { bootId, isNew }: { bootId: string; isNew: boolean }) {
    this.#file = join(runDir, `${key}.tree`);
    this.#bootId = bootId;
    this.#exists = !isNew;
  }

  read(): TreeState | undefined {
    if (!this.#exists) return undefined;
    try {
      const { bootId, ...state } = JSON.parse(readFileSync(this.#file, "utf8")) as TreeState & {
        bootId: string;
      };
      return bootId === this.#bootId ? state : undefined;
    } catch {
      return undefined;
    }
  }

  write(state: TreeState): void {
    if (!state.isHeld && state.seen.length === 0) {
      this.remove();
      return;
    }
    try {
      writeFileSync(`${this.#file}.new`, JSON.stringify({ bootId: this.#bootId, ...state }), { mode: 0o600 });
      renameSync(`${this.#file}.new`, this.#file);
      this.#exists = true;
    } catch {
      // A full disk must not keep a tree from being stopped.
    }
  }

  remove(): void {
    if (!this.#exists) return;
    this.#exists = false;
    rmSync(this.#file, { force: true });
  }
}
