import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Hook } from "../../core/hooks.ts";
import { states } from "../../core/machine.ts";

/** An address at which an A2A client wants to be notified about one task. */
export interface PushEntry {
  task: number;
  /** The client's name for this entry. */
  id: string;
  url: string;
  headers: Record<string, string>;
  /** The A2A version of the messages. */
  form: "1.0" | "0.3";
  /** Events after this one are sent. Null sends only events from now on. */
  after: number | null;
}

interface Options {
  file: string;
  /** Returns whether the task exists, so that there may still be something to report. */
  taskExists: (task: number) => Promise<boolean>;
  /** Makes the registered addresses take effect. */
  apply: () => Promise<void>;
}

/** The addresses that A2A clients registered. The file exists only if there are any. They are notified as hooks are. */
export class PushHooks {
  readonly #options: Options;
  #entries: readonly PushEntry[];

  constructor(options: Options) {
    this.#options = options;
    const { file } = options;
    this.#entries = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as PushEntry[]) : [];
  }

  hooks(): Hook[] {
    return this.#entries.map(({ url, ...push }) => ({
      on: [...states],
      where: {},
      target: { url, secret: null },
      push,
    }));
  }

  /** Registers an address. Replaces one with the same task and id. */
  async put(entry: PushEntry): Promise<void> {
    await this.#replace(entry, [entry]);
  }

  async drop(entry: Pick<PushEntry, "task" | "id">): Promise<void> {
    await this.#replace(entry, []);
  }

  async #replace(
    { task, id }: Pick<PushEntry, "task" | "id">,
    replacement: readonly PushEntry[],
  ): Promise<void> {
    const others = this.#entries.filter((each) => each.task !== task || each.id !== id);
    const exists = await Promise.all(others.map((each) => this.#options.taskExists(each.task)));
    this.#entries = [...others.filter((_, index) => exists[index]), ...replacement];
    const { file } = this.#options;
    const draft = `${file}.${process.pid}.new`;
    writeFileSync(draft, JSON.stringify(this.#entries), { mode: 0o600, flush: true });
    renameSync(draft, file);
    await this.#options.apply();
  }
}
