import { AgentctlError } from "../../core/errors.ts";
import type { Fault, WriteName } from "../../core/faults.ts";
import type { Database, Statement } from "./driver.ts";

interface Write {
  name: WriteName;
  run: () => unknown;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

const FULL_OR_BROKEN = /^SQLITE_(FULL|IOERR|CORRUPT|NOTADB|READONLY|CANTOPEN|BUSY|NOMEM)/;

/** `error` as the store tells it: what SQLite refuses for want of space or health is `StoreUnavailable`. */
export function storeError(error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string" || !FULL_OR_BROKEN.test(code)) return error;
  const full = code.startsWith("SQLITE_FULL");
  const reason = full ? "the disk is full" : `${(error as Error).message} (${code})`;
  return new AgentctlError("StoreUnavailable", { reason, sqlite: code }, { cause: error });
}

/**
 * Writes that arrive in two turns of the event loop share one transaction, and their promises settle after its
 * commit: at a hundred rows a commit `synchronous=FULL` costs what NORMAL costs. A write that throws is rolled
 * back alone; where SQLite rolls the whole transaction back (disk full), the whole batch is refused.
 */
export class GroupCommit {
  #queue: Write[] = [];
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #savepoint: Statement;
  readonly #release: Statement;
  readonly #db: Database;
  readonly #fault: Fault;
  readonly #committed: () => void;
  readonly #refused: () => void;

  /** Of a transaction as a whole, `committed` or `refused` is told, before the next one begins. */
  constructor(db: Database, hooks: { fault: Fault; committed: () => void; refused?: () => void }) {
    this.#db = db;
    this.#begin = db.prepare("begin immediate");
    this.#commit = db.prepare("commit");
    this.#savepoint = db.prepare("savepoint one");
    this.#release = db.prepare("release one");
    this.#fault = hooks.fault;
    this.#committed = hooks.committed;
    this.#refused = hooks.refused ?? (() => {});
  }

  /** Runs `run` in the next transaction; settles when that is on disk. `name` names its fault points. */
  write<T>(name: WriteName, run: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // A turn later than the end of this one: what else has arrived by then, or follows from it, shares the wait.
      if (this.#queue.length === 0) setImmediate(() => setImmediate(() => this.flush()));
      this.#queue.push({ name, run, resolve: resolve as (value: never) => void, reject });
    });
  }

  /** Commits what waits; called by itself. */
  flush(): void {
    const batch = this.#queue;
    if (batch.length === 0) return;
    this.#queue = [];
    const settled: (() => void)[] = [];
    try {
      this.#begin.run();
      for (const write of batch) settled.push(this.#one(write, batch.length === 1));
      for (const write of batch) this.#fault(`${write.name}:before-commit`);
      this.#commit.run();
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("rollback");
      this.#refused();
      for (const write of batch) write.reject(storeError(error));
      return;
    }
    for (const write of batch) this.#fault(`${write.name}:after-commit`);
    // What waits for the answers goes on after the listeners either way, and one that throws takes no answer away.
    for (const settle of settled) settle();
    this.#committed();
  }

  #one(write: Write, alone: boolean): () => void {
    if (!alone) this.#savepoint.run();
    try {
      const value = write.run() as never;
      if (!alone) this.#release.run();
      return () => write.resolve(value);
    } catch (error) {
      if (!this.#db.inTransaction) throw error;
      // Alone, an empty or half-done transaction must not be committed; with others, only this one is undone.
      if (alone) throw error;
      this.#db.exec("rollback to one; release one");
      const told = storeError(error);
      return () => write.reject(told);
    }
  }
}
