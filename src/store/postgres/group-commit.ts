import { setTimeout as delay } from "node:timers/promises";
import type { Fault, WriteName } from "../../core/faults.ts";
import type { TaskEvent } from "../../core/task.ts";
import { systemClock } from "../../core/time.ts";
import type { Op } from "../sql/context.ts";
import type { Connection } from "./connection.ts";
import type { PostgresContext } from "./context.ts";
import { Disconnected, timeoutError } from "./refusal.ts";
import { storeError } from "./store-error.ts";
import { isTemporary, type Result, Superseded, Transaction } from "./transaction.ts";

interface Write {
  name: WriteName;
  /** By the monotonic clock, in ms. */
  since: number;
  run: () => Op<unknown>;
  atOnce?: (() => Promise<unknown>) | undefined;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** How long writes wait for a database that is away or silent before they are refused, in ms. */
const AWAY_TIMEOUT_MS = 10_000;
/** How often to check for writes that have waited that long, in ms. */
const OVERDUE_CHECK_MS = 1000;
/** How long one round of reconnecting may take, in ms. After each round we check whether to give up. */
const RECONNECT_ROUND_MS = 1000;
/** How soon to check again whether a lease has begun, in ms. */
const LEASE_POLL_MS = 50;

/** At most this many writes share one transaction, because other machines wait for the same lock meanwhile. */
const MAX_BATCH = 256;

/**
 * Returns what other machines are notified of, from the names and events of a transaction's writes; null for nothing.
 */
type Notices = (names: readonly WriteName[], events: readonly TaskEvent[]) => string | null;

/**
 * Commits the writes of this machine, one transaction after the other. Writes that arrive during one share the next.
 * Each transaction first locks the one row that every writer of every machine locks. So a write sees everything that
 * was committed before it, as with one file. A write that throws is undone without the others. A machine that has lost
 * its lease writes nothing until its next lease begins.
 *
 * If the database goes away within a transaction, we ask when it is back whether the transaction was committed. If not,
 * its writes are done again.
 */
export class GroupCommit {
  readonly #connection: Connection;
  readonly #ctx: PostgresContext;
  readonly #fault: Fault;
  readonly #onCommit: (events: readonly TaskEvent[]) => void;
  readonly #notices: Notices;
  /** The epoch of the lease under which this machine writes; null if it needs none. */
  epoch: number | null = null;
  /** Whether the store is being closed: then we stop waiting to learn whether a transaction was committed. */
  isClosing = false;
  #queue: Write[] = [];
  #running: Promise<void> | null = null;

  constructor(
    connection: Connection,
    ctx: PostgresContext,
    hooks: { fault: Fault; committed: (events: readonly TaskEvent[]) => void; notices: Notices },
  ) {
    this.#connection = connection;
    this.#ctx = ctx;
    this.#fault = hooks.fault;
    this.#onCommit = hooks.committed;
    this.#notices = hooks.notices;
  }

  /**
   * Runs `run` in the next transaction and settles when that is on disk. `name` names the fault points. `atOnce` does
   * the same in one statement, for a write without others in its transaction. If it rejects or resolves to undefined,
   * `run` does the write, and finds what was committed nevertheless.
   */
  write<T>(name: WriteName, run: () => Op<T>, atOnce?: () => Promise<T | undefined>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const since = systemClock.mono();
      this.#queue.push({ name, since, run, atOnce, resolve: resolve as (value: never) => void, reject });
      this.#running ??= new Promise<void>((begin) => setImmediate(begin)).then(() => this.#loop());
    });
  }

  /** Resolves when no write is queued or under way. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #loop(): Promise<void> {
    const overdue = setInterval(() => this.#refuseOverdue(), OVERDUE_CHECK_MS);
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      try {
        const settle = (await this.#atOnce(batch)) ?? (await this.#commit(batch));
        // Callers resume after the listeners either way.
        settle();
      } catch (error) {
        const reported = storeError(error);
        for (const write of batch) write.reject(reported);
      }
    }
    clearInterval(overdue);
    this.#running = null;
  }

  /** Refuses writes that have waited too long for an earlier commit. Nothing of them was sent. */
  #refuseOverdue(): void {
    const cutoff = systemClock.mono() - AWAY_TIMEOUT_MS;
    while (this.#queue[0] && this.#queue[0].since < cutoff)
      this.#queue.shift()?.reject(timeoutError(AWAY_TIMEOUT_MS));
  }

  async #atOnce([write, ...others]: readonly Write[]): Promise<(() => void) | undefined> {
    if (!write?.atOnce || others.length > 0) return undefined;
    this.#fault(`${write.name}:before-commit`);
    const value = await write.atOnce().catch(() => undefined);
    if (value === undefined) return undefined;
    this.#fault(`${write.name}:after-commit`);
    return () => write.resolve(value as never);
  }

  /** Commits a batch, however often the database goes away meanwhile. Returns a function that settles its writes. */
  async #commit(batch: readonly Write[]): Promise<() => void> {
    const deadline = systemClock.mono() + AWAY_TIMEOUT_MS;
    for (;;) {
      const transaction = new Transaction(this.#connection, this.#ctx, {
        epoch: this.epoch,
        isShared: batch.length > 1,
      });
      try {
        return await this.#attempt(transaction, batch);
      } catch (error) {
        if (!isTemporary(error)) throw error;
        if (error instanceof Superseded) {
          if (systemClock.mono() >= deadline) throw error;
          await delay(LEASE_POLL_MS);
          continue;
        }
        // Do not refuse writes that may be on disk: the caller would repeat them, or never look after them.
        const forMs = transaction.isSent ? Number.POSITIVE_INFINITY : deadline - systemClock.mono();
        if (await this.#wasCommitted(transaction, forMs)) return this.#settlerOf(transaction, batch);
      }
    }
  }

  /** Returns whether the transaction was committed. Asks when the database is back, repeatedly for up to `forMs`. */
  async #wasCommitted(transaction: Transaction, forMs: number): Promise<boolean> {
    const deadline = systemClock.mono() + forMs;
    for (;;) {
      try {
        await this.#connection.reconnect(RECONNECT_ROUND_MS);
        return await transaction.wasCommitted();
      } catch (error) {
        if (!(error instanceof Disconnected) || this.isClosing || systemClock.mono() >= deadline) throw error;
      }
    }
  }

  async #attempt(transaction: Transaction, batch: readonly Write[]): Promise<() => void> {
    try {
      await transaction.begin();
      for (const write of batch) await transaction.add(write.run);
      for (const write of batch) this.#fault(`${write.name}:before-commit`);
      const names = batch.map(({ name }) => name);
      await transaction.commit(this.#notices(names, transaction.newEvents));
    } catch (error) {
      await transaction.rollBack(error);
      throw error;
    }
    return this.#settlerOf(transaction, batch);
  }

  #settlerOf({ results, newEvents }: Transaction, batch: readonly Write[]): () => void {
    for (const write of batch) this.#fault(`${write.name}:after-commit`);
    return () => {
      batch.forEach((write, index) => {
        const result = results[index] as Result;
        if ("error" in result) write.reject(storeError(result.error));
        else write.resolve(result.value as never);
      });
      this.#onCommit(newEvents);
    };
  }
}
