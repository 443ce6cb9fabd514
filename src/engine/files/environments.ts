import { createHash, createHmac } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import type { Fault } from "../../core/faults.ts";
import { writeDurably } from "../../home/durable.ts";
import { isOwnName } from "../../home/own-names.ts";

/**
 * The environments of open tasks: one file of mode 0600 for each content, named by its hash, so that a thousand
 * tasks of one shell share one file and no copy of the database holds a secret. A file goes when the last open
 * task that uses it has ended.
 */
export class Environments {
  readonly #folder: string;
  readonly #fault: Fault;
  /** Where names are seen by others, they say nothing of what they name. */
  readonly #key: Buffer | null;
  /** Written by a submission whose task is not committed yet; must not be swept. */
  readonly #pending = new Map<string, number>();
  /** What was read last: most tasks that begin one after the other have the same. */
  #last: { hash: string; stamp: string; env: Readonly<Record<string, string>> } | undefined;

  constructor(folder: string, fault: Fault, key: Buffer | null = null) {
    this.#key = key;
    this.#folder = folder;
    this.#fault = fault;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Keeps `env` durably and answers its name. The caller calls `settle` when the task that uses it is committed. */
  put(env: Record<string, string>): string {
    const sorted = Object.fromEntries(Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1)));
    const text = JSON.stringify(sorted);
    const hash = (this.#key ? createHmac("sha256", this.#key) : createHash("sha256"))
      .update(text)
      .digest("hex");
    const file = join(this.#folder, hash);
    if (!existsSync(file)) {
      this.#fault("environment:before-write");
      keep(file, text);
      this.#fault("environment:after-write");
    }
    // Only what is there waits for its task: one that could not be written would keep a later one from being removed.
    this.#pending.set(hash, (this.#pending.get(hash) ?? 0) + 1);
    return hash;
  }

  /** The submission that called `put` is over, one way or the other. */
  settle(hash: string): void {
    const count = (this.#pending.get(hash) ?? 1) - 1;
    if (count > 0) this.#pending.set(hash, count);
    else this.#pending.delete(hash);
  }

  /** The environment of that name; throws when its file is gone. */
  get(hash: string): Readonly<Record<string, string>> {
    const file = join(this.#folder, hash);
    const { ino, size, mtimeMs } = statSync(file);
    const stamp = `${ino} ${size} ${mtimeMs}`;
    if (this.#last?.hash === hash && this.#last.stamp === stamp) return this.#last.env;
    const env = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
    this.#last = { hash, stamp, env };
    return env;
  }

  /** Deletes the file that no open task uses; one of a submission under way stays. */
  remove(hash: string): void {
    if (this.#pending.has(hash)) return;
    this.#fault("environment:before-remove");
    rmSync(join(this.#folder, hash), { force: true });
    this.#fault("environment:after-remove");
  }

  /** Deletes the files that no open task uses. */
  sweep(used: ReadonlySet<string>): void {
    for (const name of readdirSync(this.#folder))
      if (!used.has(name) && isOwnName("env", name)) this.remove(name);
  }
}

function keep(file: string, text: string): void {
  try {
    writeDurably(file, text);
  } catch (error) {
    const reason = `the environment could not be kept (${(error as Error).message})`;
    throw new AgentctlError("StoreUnavailable", { reason }, { cause: error });
  }
}
