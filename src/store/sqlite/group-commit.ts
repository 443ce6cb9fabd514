import { AgentctlError } from "../../core/errors.ts";
import type { Fault, WriteName } from "../../core/faults.ts";
import { systemClock } from "../../core/time.ts";
import type { Database, Statement } from "./file/driver.ts";

interface Write {
  name: WriteName;
  run: () => unknown;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

const FULL_OR_BROKEN = /^SQLITE_(FULL|IOERR|CORRUPT|NOTADB|READONLY|CANTOPEN|BUSY|NOMEM)/;

/** `error` as the store tells it: what SQLite refuses because the disk is full or the file is damaged is `StoreUnavailable`. */
export function storeError(error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string" || !FULL_OR_BROKEN.test(code)) return error;
  return new AgentctlError(
    "StoreUnavailable",
    { ...told(code, error as Error), sqlite: code },
    { cause: error },
  );
}

function told(code: string, { message }: Error): { reason: string; hint?: string } {
  if (code.startsWith("SQLITE_FULL")) return { reason: "the disk is full" };
  if (isBusy(code)) {
    const hint = "fuser agentctl.db in the home names that program; service returns when it lets the lock go";
    return { reason: "another program holds the write lock of agentctl.db", hint };
  }
  return {
    reason: `${message} (${code})`,
    hint: "agentctl doctor says what is wrong; a full disk can be the cause, too",
  };
}

function isBusy(code: unknown): boolean {
  return String(code).startsWith("SQLITE_BUSY");
}

/** How long writes wait for another program that holds the write lock, and how often they try; readers go on meanwhile. */
const LOCKED_MS = 5_000;
const TRY_AGAIN_MS = 50;

/**
 * Writes that arrive in two turns of the event loop share one transaction, and their promises settle after its
 * commit: at a hundred rows a commit `synchronous=FULL` costs what NORMAL costs. A write that throws is rolled
 * back alone; where SQLite rolls the whole transaction back (disk full), the whole batch is refused.
 */
export class GroupCommit {
  #queue: Write[] = [];
  #lockedSince: number | null = null;
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

  /** Commits what waits; called by itself. With `isLast` nothing waits for a lock any more. */
  flush(isLast = false): void {
    const batch = this.#queue;
    if (batch.length === 0) return;
    const refusal = this.#begun();
    if (refusal && !isLast && this.#mayWait(refusal)) return;
    this.#lockedSince = null;
    this.#queue = [];
    const settled: (() => void)[] = [];
    try {
      if (refusal) throw refusal;
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

  /** Begins a transaction; answers why that is not possible. */
  #begun(): Error | undefined {
    try {
      this.#begin.run();
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** Whether to try again, which is arranged for: SQLite itself would wait with everybody else. */
  #mayWait(refusal: Error): boolean {
    if (!isBusy((refusal as { code?: unknown }).code)) return false;
    const now = systemClock.mono();
    this.#lockedSince ??= now;
    if (now - this.#lockedSince > LOCKED_MS) return false;
    setTimeout(() => this.flush(), TRY_AGAIN_MS);
    return true;
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
