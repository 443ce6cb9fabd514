import { AgentctlError } from "../../core/errors.ts";
import type { Fault, WriteName } from "../../core/faults.ts";
import type { TaskEvent } from "../../core/task.ts";
import { systemClock } from "../../core/time.ts";
import type { Op } from "../sql/context.ts";
import { type Connection, Disconnected } from "./connection.ts";
import { doInTurn, type PostgresContext } from "./context.ts";

interface Write {
  name: WriteName;
  run: () => Op<unknown>;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/** How long writes wait for a database that is away, before they are refused. */
const AWAY_MS = 10_000;

/** So many writes share one transaction at most: the others wait for the same lock meanwhile. */
const MOST = 256;

/** A deadlock, or a transaction that another one was quicker than: it is done again. */
const AGAIN = /^40/;

/** What the writes of a transaction have to be told to other machines, by their names. */
type Notices = (names: readonly WriteName[], news: readonly TaskEvent[]) => string | null;

/**
 * The writes of this machine, one transaction after the other: what arrives while one is under way shares the next. Each
 * transaction first locks the one row that every writer of every machine locks, so a write sees all that was committed
 * before it, as over one file. A write that throws is undone alone.
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

  /** Does `run` in the next transaction; settles when that is on disk. `name` names its fault points. */
  write<T>(name: WriteName, run: () => Op<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ name, run, resolve: resolve as (value: never) => void, reject });
      this.#running ??= new Promise<void>((begin) => setImmediate(begin)).then(() => this.#loop());
    });
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #loop(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MOST);
      try {
        const settle = await this.#commit(batch);
        // What waits for the answers goes on after the listeners either way.
        settle();
      } catch (error) {
        const told = storeError(error);
        for (const write of batch) write.reject(told);
      }
    }
    this.#running = null;
  }

  /** Commits a batch, however often the database goes away meanwhile; answers how its writes are settled. */
  async #commit(batch: readonly Write[]): Promise<() => void> {
    const until = systemClock.mono() + AWAY_MS;
    for (;;) {
      const transaction = new Transaction(this.#connection, this.#ctx);
      try {
        const settle = await this.#attempt(transaction, batch);
        return settle;
      } catch (error) {
        const isAgain = AGAIN.test((error as { code?: string }).code ?? "");
        if (!isAgain && !(error instanceof Disconnected)) throw error;
        await this.#connection.reconnect(Math.max(0, until - systemClock.mono()));
        if (await transaction.wasCommitted()) return this.#done(transaction, batch);
      }
    }
  }

  async #attempt(transaction: Transaction, batch: readonly Write[]): Promise<() => void> {
    await transaction.begin();
    try {
      for (const write of batch) await transaction.add(write.run);
      for (const write of batch) this.#fault(`${write.name}:before-commit`);
      const names = batch.map(({ name }) => name);
      await transaction.commit(this.#notices(names, transaction.news));
    } catch (error) {
      if (!(error instanceof Disconnected)) await transaction.rollBack();
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

type Result = { value: unknown } | { error: unknown };

/** One transaction, and what became of each write in it. */
class Transaction {
  readonly results: Result[] = [];
  readonly news: TaskEvent[] = [];
  readonly #connection: Connection;
  readonly #ctx: PostgresContext;
  #id: string | null = null;

  constructor(connection: Connection, ctx: PostgresContext) {
    this.#connection = connection;
    this.#ctx = ctx;
  }

  async begin(): Promise<void> {
    await this.#connection.script("begin; select 1 from event_counter for update");
    const { rows } = await this.#connection.query("select pg_current_xact_id()::text as id", []);
    this.#id = rows[0]?.id as string;
  }

  /** Does one write, which is undone alone where it throws. */
  async add(run: () => Op<unknown>): Promise<void> {
    this.#ctx.news = [];
    await this.#connection.script("savepoint one");
    try {
      this.results.push({ value: await doInTurn(run()) });
      this.news.push(...this.#ctx.news);
      await this.#connection.script("release one");
    } catch (error) {
      if (error instanceof Disconnected || AGAIN.test((error as { code?: string }).code ?? "")) throw error;
      await this.#connection.script("rollback to one; release one");
      this.results.push({ error });
    }
  }

  async commit(notice: string | null): Promise<void> {
    const notify = notice === null ? "" : `select pg_notify('${SCHEMA_CHANNEL}', '${notice}'); `;
    await this.#connection.script(`${notify}commit`);
  }

  async rollBack(): Promise<void> {
    await this.#connection.script("rollback").catch(() => {});
  }

  /** Whether a transaction was committed whose end nobody heard. */
  async wasCommitted(): Promise<boolean> {
    if (this.#id === null) return false;
    const sql = "select pg_xact_status($1::text::xid8) as status";
    const { rows } = await this.#connection.query(sql, [this.#id]);
    return rows[0]?.status === "committed";
  }
}

/** Where machines tell each other that something has changed. */
export const SCHEMA_CHANNEL = "agentctl";

/** What is told of an error that a database gives. */
export function storeError(error: unknown): unknown {
  if (error instanceof AgentctlError || !(error instanceof Error)) return error;
  if (error instanceof Disconnected) {
    const hint = "agentctl cluster status; service returns with the database";
    return new AgentctlError("StoreUnavailable", { reason: error.message, hint }, { cause: error });
  }
  const { code } = error as { code?: unknown };
  if (code === "53100")
    return new AgentctlError("StoreUnavailable", { reason: "the disk is full" }, { cause: error });
  // 53: out of disk, memory or connections; 58: its files cannot be read; 25006: a standby.
  if (typeof code !== "string" || !/^(53|58|25006|XX)/.test(code)) return error;
  return new AgentctlError("StoreUnavailable", { reason: `${error.message} (${code})` }, { cause: error });
}
