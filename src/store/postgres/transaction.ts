import { setTimeout as delay } from "node:timers/promises";
import { AgentctlError } from "../../core/errors.ts";
import type { TaskEvent } from "../../core/task.ts";
import type { Op } from "../sql/context.ts";
import type { Connection } from "./connection.ts";
import { doInTurn, type PostgresContext } from "./context.ts";
import { Disconnected } from "./refusal.ts";

/** How soon to ask again whether a transaction was committed, in ms. */
const POLL_MS = 50;

/**
 * Codes after which a transaction is repeated: a deadlock, a conflict with a faster transaction, a canceled statement.
 */
const RETRYABLE = /^(40|57014)/;

/** Others hold a lock: the next write in the transaction would wait for it just as long. */
const LOCKED = /^55P03/;

/** The channel on which machines notify each other of changes. */
export const SCHEMA_CHANNEL = "agentctl";

/** The lease of this machine is over: others may have taken the tasks that it would write about. */
export class Superseded extends AgentctlError {
  constructor() {
    const reason = "the lease of this machine is over, and the next one has not begun";
    super("StoreUnavailable", { reason, hint: "agentctl machine list" });
  }
}

/** Returns whether `error` is temporary, so that the transaction may succeed later. */
export function isTemporary(error: unknown): boolean {
  return error instanceof Superseded || error instanceof Disconnected || hasCode(error, RETRYABLE);
}

function hasCode(error: unknown, codes: RegExp): boolean {
  const { code } = ((error as Error).cause ?? error) as { code?: unknown };
  return typeof code === "string" && codes.test(code);
}

export type Result = { value: unknown } | { error: unknown };

/**
 * One transaction, and the result of each write in it. Every request to the database costs a round trip, so requests
 * are combined if possible.
 */
export class Transaction {
  readonly results: Result[] = [];
  readonly newEvents: TaskEvent[] = [];
  readonly #connection: Connection;
  readonly #ctx: PostgresContext;
  readonly #epoch: number | null;
  /** Whether several writes share it: then each has a savepoint. */
  readonly #isShared: boolean;
  #id: string | null = null;
  /** Whether its commit was sent: without a response, it may still be on disk. */
  isSent = false;

  constructor(
    connection: Connection,
    ctx: PostgresContext,
    { epoch, isShared }: { epoch: number | null; isShared: boolean },
  ) {
    this.#connection = connection;
    this.#ctx = ctx;
    this.#epoch = epoch;
    this.#isShared = isShared;
  }

  async begin(): Promise<void> {
    const hasLeaseSql =
      this.#epoch === null
        ? "1"
        : `(select count(*) from machines
            where name = '${this.#ctx.machine}' and epoch = ${this.#epoch} and is_lost = 0)`;
    const [, , rows] = await this.#connection.script(
      `begin; select 1 from event_counter for update; select pg_current_xact_id()::text as id, ${hasLeaseSql} as holds` +
        (this.#isShared ? "; savepoint one" : ""),
    );
    this.#connection.isPinned = true;
    this.#id = rows?.[0]?.id as string;
    if (rows?.[0]?.holds !== 1) throw new Superseded();
  }

  /** Does one write; if it throws, only this write is undone. */
  async add(run: () => Op<unknown>): Promise<void> {
    this.#ctx.newEvents = [];
    if (this.results.length > 0) await this.#connection.script("release one; savepoint one");
    try {
      this.results.push({ value: await doInTurn(run()) });
      for (const event of this.#ctx.newEvents) this.newEvents.push(event);
    } catch (error) {
      if (error instanceof Disconnected || hasCode(error, RETRYABLE) || hasCode(error, LOCKED)) throw error;
      if (this.#isShared) await this.#connection.script("rollback to one");
      this.results.push({ error });
    }
  }

  async commit(notice: string | null): Promise<void> {
    const isUndone = !this.#isShared && this.results.some((result) => "error" in result);
    const notify = notice === null ? "" : `select pg_notify('${SCHEMA_CHANNEL}', '${notice}'); `;
    this.isSent = !isUndone;
    await this.#connection.script(isUndone ? "rollback" : `${notify}commit`);
    this.#connection.isPinned = false;
  }

  /** Rolls back a transaction that was not committed; `error` says why it was not. */
  async rollBack(error: unknown): Promise<void> {
    if (!(error instanceof Disconnected)) await this.#connection.script("rollback").catch(() => {});
    this.#connection.isPinned = false;
  }

  /** Returns whether a transaction whose end we did not see was committed. Waits while it is still in progress. */
  async wasCommitted(): Promise<boolean> {
    if (this.#id === null) return false;
    const sql = "select pg_xact_status($1::text::xid8) as status";
    for (;;) {
      const { rows } = await this.#connection.query(sql, [this.#id]);
      if (rows[0]?.status !== "in progress") return rows[0]?.status === "committed";
      await delay(POLL_MS);
    }
  }
}
