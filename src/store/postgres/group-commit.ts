import { setTimeout as delay } from "node:timers/promises";
import type { Fault, WriteName } from "../../core/faults.ts";
import type { TaskEvent } from "../../core/task.ts";
import { systemClock } from "../../core/time.ts";
import type { Op } from "../sql/context.ts";
import type { Connection } from "./connection.ts";
import type { PostgresContext } from "./context.ts";
import { Disconnected, unanswered } from "./refusal.ts";
import { storeError } from "./store-error.ts";
import { mayPass, type Result, Superseded, Transaction } from "./transaction.ts";

interface Write {
  name: WriteName;
  /** By the steady clock. */
  since: number;
  run: () => Op<unknown>;
  atOnce?: (() => Promise<unknown>) | undefined;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** How long writes wait for a database that is away or silent, before they are refused. */
const AWAY_MS = 10_000;
/** How often it is looked whether one has waited for so long. */
const OVERDUE_MS = 1000;
/** A database that is away is tried at once during this time. */
const AGAIN_MS = 1000;
/** How soon it is looked again whether a lease has begun. */
const LOOK_MS = 50;

/** So many writes share one transaction at most: the others wait for the same lock meanwhile. */
const MOST = 256;

/** What the writes of a transaction have to be told to other machines, by their names. */
type Notices = (names: readonly WriteName[], news: readonly TaskEvent[]) => string | null;

/**
 * The writes of this machine, one transaction after the other: what arrives while one is under way shares the next. Each
 * transaction first locks the one row that every writer of every machine locks, so a write sees all that was committed
 * before it, as over one file. A write that throws is undone alone. A machine that has lost its lease writes nothing
 * until the next one has begun.
 *
 * Where the database goes away within a transaction, whether it was committed is asked when it is back; what was not is
 * done again.
 */
export class GroupCommit {
  readonly #connection: Connection;
  readonly #ctx: PostgresContext;
  readonly #fault: Fault;
  readonly #committed: (news: readonly TaskEvent[]) => void;
  readonly #notices: Notices;
  /** Of the lease under which this machine writes; null where none is needed. */
  epoch: number | null = null;
  /** The store is being closed: what is not settled soon is left as it is. */
  isClosing = false;
  #queue: Write[] = [];
  #running: Promise<void> | null = null;

  constructor(
    connection: Connection,
    ctx: PostgresContext,
    hooks: { fault: Fault; committed: (news: readonly TaskEvent[]) => void; notices: Notices },
  ) {
    this.#connection = connection;
    this.#ctx = ctx;
    this.#fault = hooks.fault;
    this.#committed = hooks.committed;
    this.#notices = hooks.notices;
  }

  /**
   * Does `run` in the next transaction; settles when that is on disk. `name` names its fault points. `atOnce` does the
   * same in one statement, for a write that shares its transaction with none; undefined or an error there means that
   * `run` is to do it, which finds what was committed nevertheless.
   */
  write<T>(name: WriteName, run: () => Op<T>, atOnce?: () => Promise<T | undefined>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const since = systemClock.mono();
      this.#queue.push({ name, since, run, atOnce, resolve: resolve as (value: never) => void, reject });
      this.#running ??= new Promise<void>((begin) => setImmediate(begin)).then(() => this.#loop());
    });
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #loop(): Promise<void> {
    const overdue = setInterval(() => this.#refuseOverdue(), OVERDUE_MS);
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MOST);
      try {
        const settle = (await this.#atOnce(batch)) ?? (await this.#commit(batch));
        // What waits for the answers goes on after the listeners either way.
        settle();
      } catch (error) {
        const told = storeError(error);
        for (const write of batch) write.reject(told);
      }
    }
    clearInterval(overdue);
    this.#running = null;
  }

  /** The commit before them has no answer: nothing of these was sent. */
  #refuseOverdue(): void {
    const before = systemClock.mono() - AWAY_MS;
    while (this.#queue[0] && this.#queue[0].since < before) this.#queue.shift()?.reject(unanswered(AWAY_MS));
  }

  async #atOnce([write, ...others]: readonly Write[]): Promise<(() => void) | undefined> {
    if (!write?.atOnce || others.length > 0) return undefined;
    this.#fault(`${write.name}:before-commit`);
    const value = await write.atOnce().catch(() => undefined);
    if (value === undefined) return undefined;
    this.#fault(`${write.name}:after-commit`);
    return () => write.resolve(value as never);
  }

  /** Commits a batch, however often the database goes away meanwhile; answers how its writes are settled. */
  async #commit(batch: readonly Write[]): Promise<() => void> {
    const until = systemClock.mono() + AWAY_MS;
    for (;;) {
      const transaction = new Transaction(this.#connection, this.#ctx, {
        epoch: this.epoch,
        isShared: batch.length > 1,
      });
      try {
        return await this.#attempt(transaction, batch);
      } catch (error) {
        if (!mayPass(error)) throw error;
        if (error instanceof Superseded) {
          if (systemClock.mono() >= until) throw error;
          await delay(LOOK_MS);
          continue;
        }
        // What may be on disk is not refused: whoever was told so would do it again, or never look after it.
        const forMs = transaction.isSent ? Number.POSITIVE_INFINITY : until - systemClock.mono();
        if (await this.#wasCommitted(transaction, forMs)) return this.#done(transaction, batch);
      }
    }
  }

  /** Asks when the database is back, as often as it goes away again. */
  async #wasCommitted(transaction: Transaction, forMs: number): Promise<boolean> {
    const until = systemClock.mono() + forMs;
    for (;;) {
      try {
        await this.#connection.reconnect(AGAIN_MS);
        return await transaction.wasCommitted();
      } catch (error) {
        if (!(error instanceof Disconnected) || this.isClosing || systemClock.mono() >= until) throw error;
      }
    }
  }

  async #attempt(transaction: Transaction, batch: readonly Write[]): Promise<() => void> {
    try {
      await transaction.begin();
      for (const write of batch) await transaction.add(write.run);
      for (const write of batch) this.#fault(`${write.name}:before-commit`);
      const names = batch.map(({ name }) => name);
      await transaction.commit(this.#notices(names, transaction.news));
    } catch (error) {
      await transaction.rollBack(error);
      throw error;
    }
    return this.#done(transaction, batch);
  }

  #done({ results, news }: Transaction, batch: readonly Write[]): () => void {
    for (const write of batch) this.#fault(`${write.name}:after-commit`);
    return () => {
      batch.forEach((write, at) => {
        const result = results[at] as Result;
        if ("error" in result) write.reject(storeError(result.error));
        else write.resolve(result.value as never);
      });
      this.#committed(news);
    };
  }
}
