import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Hook } from "../../core/hooks.ts";
import { states } from "../../core/machine.ts";

/** Where a client of A2A wants to be told of one task. */
export interface PushEntry {
  task: number;
  /** The client's name for it. */
  id: string;
  url: string;
  headers: Record<string, string>;
  /** The version of A2A in which it is told. */
  form: "1.0" | "0.3";
  /** It is told what came after this event; null for what comes from now on. */
  after: number | null;
}

interface Options {
  file: string;
  /** Whether the task is there, and so may still be told of. */
  isThere: (task: number) => Promise<boolean>;
  /** Has what is registered now told from here on. */
  apply: () => Promise<void>;
}

/** The addresses that A2A clients registered, in a file that is there only where some did. They are told as hooks are. */
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

  /** Registers an address, in the place of one of the same task and id. */
  async put(entry: PushEntry): Promise<void> {
    await this.#replace(entry, [entry]);
  }

  async drop(entry: Pick<PushEntry, "task" | "id">): Promise<void> {
    await this.#replace(entry, []);
  }

  async #replace({ task, id }: Pick<PushEntry, "task" | "id">, by: readonly PushEntry[]): Promise<void> {
    const others = this.#entries.filter((each) => each.task !== task || each.id !== id);
    const there = await Promise.all(others.map((each) => this.#options.isThere(each.task)));
    this.#entries = [...others.filter((_, at) => there[at]), ...by];
    const { file } = this.#options;
    const draft = `${file}.${process.pid}.new`;
    writeFileSync(draft, JSON.stringify(this.#entries), { mode: 0o600, flush: true });
    renameSync(draft, file);
    await this.#options.apply();
  }
}
