import { readdirSync, renameSync, statSync } from "node:fs";
import { isTerminal } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import type { Ports } from "../ports.ts";
import { foldersOf, logFile } from "./environment.ts";

/** So many tasks are remembered that may have left theirs empty. */
const MOST_OFFERED = 16;

/**
 * A program that ended within milliseconds, printed nothing, left nothing in its directory and no process behind has no more
 * use for its folders. They become those of the next queued task: a new name costs some file systems a tenth
 * of what a new folder does.
 */
export class EmptiedFolders {
  readonly #ports: Pick<Ports, "places">;
  /** Ended tasks, the last one last. */
  #offered: number[] = [];
  /** Open tasks whose log somebody may be reading. */
  readonly #read = new Set<number>();

  constructor(ports: Pick<Ports, "places">) {
    this.#ports = ports;
  }

  /** A task that may have ended, with nothing alive that could still write to its folders. */
  offer({ id, state, kind, attempt }: Task): void {
    if (!isTerminal(state)) return;
    const isRead = this.#read.delete(id);
    if (isRead || kind !== "program" || attempt !== 1) return;
    this.#offered.push(id);
    if (this.#offered.length > MOST_OFFERED) this.#offered.shift();
  }

  /** Somebody is told where the log of a task is: it stays there. */
  keep({ id, state }: Task): void {
    if (isTerminal(state)) this.#offered = this.#offered.filter((one) => one !== id);
    else this.#read.add(id);
  }

  /** Gives a task that is to begin the folders of one that has ended, with its empty log; false where there are none. */
  give(id: number): boolean {
    const to = foldersOf(this.#ports, id);
    for (let old = this.#offered.pop(); old !== undefined; old = this.#offered.pop()) {
      const from = foldersOf(this.#ports, old);
      try {
        if (statSync(logFile(this.#ports, old, 1)).size > 0 || readdirSync(from.folder).length > 0) continue;
        renameSync(from.folder, to.folder);
        renameSync(from.logs, to.logs);
        return true;
      } catch {
        // Deleted meanwhile, or there is something in the place: what is missing is made.
      }
    }
    return false;
  }
}
