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

/** Returns `error` as the store reports it: `StoreUnavailable` if the disk is full or the file damaged or locked. */
export function storeError(error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string" || !FULL_OR_BROKEN.test(code)) return error;
  return new AgentctlError(
    "StoreUnavailable",
    { ...describe(code, error as Error), sqlite: code },
    { cause: error },
  );
}

function describe(code: string, { message }: Error): { reason: string; hint?: string } {
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

/** How long writes wait for a lock that another program holds, and how often they retry. Reads go on meanwhile. */
const LOCK_TIMEOUT_MS = 5_000;
const LOCK_RETRY_MS = 50;

/**
 * Writes that arrive within two turns of the event loop share one transaction. Their promises settle after its commit.
 * At a hundred rows a commit, `synchronous=FULL` costs what NORMAL costs. A write that throws is rolled back without
 * the others. If SQLite rolls back the whole transaction (disk full), the whole batch is refused.
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
  readonly #onCommit: () => void;
  readonly #onRollback: () => void;

  /** Calls `committed` or `refused` once for each transaction, before the next one begins. */
  constructor(db: Database, hooks: { fault: Fault; committed: () => void; refused?: () => void }) {
    this.#db = db;
    this.#begin = db.prepare("begin immediate");
    this.#commit = db.prepare("commit");
    this.#savepoint = db.prepare("savepoint one");
    this.#release = db.prepare("release one");
    this.#fault = hooks.fault;
    this.#onCommit = hooks.committed;
    this.#onRollback = hooks.refused ?? (() => {});
  }

  /** Runs `run` in the next transaction and settles when that is on disk. `name` names the fault points. */
  write<T>(name: WriteName, run: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      // Two turns later, so that writes which arrive by then, or follow from this one, share the commit.
      if (this.#queue.length === 0) setImmediate(() => setImmediate(() => this.flush()));
      this.#queue.push({ name, run, resolve: resolve as (value: never) => void, reject });
    });
  }

  /** Commits the queued writes; `write` schedules it. With `isLast` it does not wait for a lock. */
  flush(isLast = false): void {
    const batch = this.#queue;
    if (batch.length === 0) return;
    const refusal = this.#tryBegin();
    if (refusal && !isLast && this.#scheduleRetry(refusal)) return;
    this.#lockedSince = null;
    this.#queue = [];
    const callbacks: (() => void)[] = [];
    try {
      if (refusal) throw refusal;
      for (const write of batch) callbacks.push(this.#runWrite(write, batch.length === 1));
      for (const write of batch) this.#fault(`${write.name}:before-commit`);
      this.#commit.run();
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec("rollback");
      this.#onRollback();
      for (const write of batch) write.reject(storeError(error));
      return;
    }
    for (const write of batch) this.#fault(`${write.name}:after-commit`);
    // Callers resume after the listeners either way. Settle first, so that a listener that throws loses no result.
    for (const callback of callbacks) callback();
    this.#onCommit();
  }

  /** Begins a transaction; returns the error if that is not possible. */
  #tryBegin(): Error | undefined {
    try {
      this.#begin.run();
      return undefined;
    } catch (error) {
      return error as Error;
    }
  }

  /** Returns whether it has scheduled a retry. If SQLite itself waited for the lock, everything else would wait too. */
  #scheduleRetry(refusal: Error): boolean {
    if (!isBusy((refusal as { code?: unknown }).code)) return false;
    const now = systemClock.mono();
    this.#lockedSince ??= now;
    if (now - this.#lockedSince > LOCK_TIMEOUT_MS) return false;
    setTimeout(() => this.flush(), LOCK_RETRY_MS);
    return true;
  }

  #runWrite(write: Write, isAlone: boolean): () => void {
    if (!isAlone) this.#savepoint.run();
    try {
      const value = write.run() as never;
      if (!isAlone) this.#release.run();
      return () => write.resolve(value);
    } catch (error) {
      if (!this.#db.inTransaction) throw error;
      // Without others there is no savepoint, so nothing may be committed. With others, undo only this write.
      if (isAlone) throw error;
      this.#db.exec("rollback to one; release one");
      const reported = storeError(error);
      return () => write.reject(reported);
    }
  }
}
