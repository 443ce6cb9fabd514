import { createHash, createHmac } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import type { Fault } from "../../core/faults.ts";
import { writeDurably } from "../../home/durable.ts";
import { isOwnName } from "../../home/own-names.ts";

/**
 * The environments of open tasks: one file with mode 0600 for each distinct content, named by its hash. A thousand
 * tasks from one shell share one file, and no copy of the database holds a secret. A file is deleted when the last open
 * task that uses it has ended.
 */
export class Environments {
  readonly #folder: string;
  readonly #fault: Fault;
  /** Set if others can see the names of the files: a keyed hash reveals nothing about the content. */
  readonly #key: Buffer | null;
  /** Environments of submissions whose task is not committed yet, with their count; they must not be deleted. */
  readonly #pending = new Map<string, number>();
  /** A cache of the last one read: tasks that start one after the other mostly share an environment. */
  #cached: { hash: string; stamp: string; env: Readonly<Record<string, string>> } | undefined;

  constructor(folder: string, fault: Fault, key: Buffer | null = null) {
    this.#key = key;
    this.#folder = folder;
    this.#fault = fault;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** Stores `env` durably and returns its name. The caller calls `settle` when the task that uses it is committed. */
  put(env: Record<string, string>): string {
    const sorted = Object.fromEntries(Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1)));
    const text = JSON.stringify(sorted);
    const hash = (this.#key ? createHmac("sha256", this.#key) : createHash("sha256"))
      .update(text)
      .digest("hex");
    const file = join(this.#folder, hash);
    if (!existsSync(file)) {
      this.#fault("environment:before-write");
      writeFile(file, text);
      this.#fault("environment:after-write");
    }
    // Counted only after the write succeeded: a failed write must not keep a later file from being deleted.
    this.#pending.set(hash, (this.#pending.get(hash) ?? 0) + 1);
    return hash;
  }

  /** Ends the submission that called `put`, whether it succeeded or failed. */
  settle(hash: string): void {
    const count = (this.#pending.get(hash) ?? 1) - 1;
    if (count > 0) this.#pending.set(hash, count);
    else this.#pending.delete(hash);
  }

  /** Returns the environment with that name; throws if its file does not exist. */
  get(hash: string): Readonly<Record<string, string>> {
    const file = join(this.#folder, hash);
    const { ino, size, mtimeMs } = statSync(file);
    const stamp = `${ino} ${size} ${mtimeMs}`;
    if (this.#cached?.hash === hash && this.#cached.stamp === stamp) return this.#cached.env;
    const env = JSON.parse(readFileSync(file, "utf8")) as Record<string, string>;
    this.#cached = { hash, stamp, env };
    return env;
  }

  /** Deletes an environment that no open task uses, unless a submission in progress uses it. */
  remove(hash: string): void {
    if (this.#pending.has(hash)) return;
    this.#fault("environment:before-remove");
    rmSync(join(this.#folder, hash), { force: true });
    this.#fault("environment:after-remove");
  }

  /** Deletes all files that no open task uses. */
  sweep(used: ReadonlySet<string>): void {
    for (const name of readdirSync(this.#folder))
      if (!used.has(name) && isOwnName("env", name)) this.remove(name);
  }
}

function writeFile(file: string, text: string): void {
  try {
    writeDurably(file, text);
  } catch (error) {
    const reason = `the environment could not be kept (${(error as Error).message})`;
    throw new AgentctlError("StoreUnavailable", { reason }, { cause: error });
  }
}
