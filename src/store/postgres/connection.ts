import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type Driver from "pg";
import { AgentctlError } from "../../core/errors.ts";
import { systemClock } from "../../core/time.ts";
import type { Row } from "../sql/rows.ts";
import {
  Disconnected,
  forbiddenError,
  refusalOf,
  requireWritable,
  timeoutError,
  WRITABLE_SQL,
} from "./refusal.ts";
import { connectionOptions, refusePlain, requireSettings, SETTINGS_SQL } from "./settings.ts";
import { storeError } from "./store-error.ts";

/** The result of one statement. */
export interface StatementResult<R = Row> {
  rows: R[];
  changed: number;
}

/** How long to wait before the next try to reach the database, in ms. */
const RETRY_MS = 100;
/** How long one try may take, in ms. A server that is up responds sooner; one that comes back is tried again. */
const CONNECT_TIMEOUT_MS = 3000;

/** How long a connection may be quiet before it sends a keep-alive, in ms, so that nothing in between forgets it. */
const KEEP_ALIVE_MS = 10_000;

const load = createRequire(import.meta.filename);

function driver(): typeof Driver {
  // The driver's warnings about its own future, such as the one about ~/.pgpass, are not for users of agentctl.
  process.noDeprecation = true;
  try {
    return load("pg") as typeof Driver;
  } catch (cause) {
    const reason = "the package pg is not installed";
    const hint = "npm install -g pg, or install agentctl again without --omit=optional";
    throw new AgentctlError("StoreUnavailable", { reason, hint }, { cause });
  }
}

/** The type ids of int8 and numeric, whose values fit in a JavaScript number. */
const NUMBER_TYPES = [20, 1700];

/** One connection to the database. It is made when it is needed, and made again when it was lost. */
export class Connection {
  readonly #url: string;
  readonly name: string;
  readonly #awayMs: number;
  readonly #turnMs: number;
  #client: Promise<Driver.Client> | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  readonly #channels = new Map<string, (payload: string) => void>();
  #onLost: () => void = () => {};
  /** Since when the current statement has had no response, by the monotonic clock. */
  #sentAt: number | null = null;
  #socket: Socket | null = null;
  /** The id of the server process that serves this connection. */
  pid: number | null = null;
  /** The traffic at its last change (bytes received, bytes waiting to be sent), and when that was. */
  #traffic = { bytes: "", at: 0 };
  /**
   * Whether a transaction is under way, which ends with its connection. Its remaining statements are then refused with
   * {@link Disconnected}, and not run on another connection, outside of the transaction.
   */
  isPinned = false;

  /**
   * `name` is what `pg_stat_activity` shows. {@link repeated} waits up to `awayMs` for a database that is away. A
   * statement that has waited longer than `turnMs` for earlier ones is refused.
   */
  constructor(
    url: string,
    name: string,
    { awayMs = 0, turnMs = Number.POSITIVE_INFINITY }: { awayMs?: number; turnMs?: number } = {},
  ) {
    this.#url = url;
    this.name = name;
    this.#awayMs = awayMs;
    this.#turnMs = turnMs;
  }

  /** Subscribes to the notifications of a channel, also after the connection was lost and made again. */
  async listen(channel: string, onNotify: (payload: string) => void): Promise<void> {
    this.#channels.set(channel, onNotify);
    await this.query(`listen ${channel}`, []);
  }
  /** Calls `listener` each time the connection was lost. */
  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  /** Runs one statement. Rejects with {@link Disconnected} if the database is away. */
  async query<R = Row>(
    sql: string,
    params: readonly unknown[],
    options: { rowMode?: "array" } = {},
  ): Promise<StatementResult<R>> {
    const values = params.map((value) => (value === undefined ? null : value));
    const naming = params.length > 0 ? { name: nameOf(sql) } : {};
    const result = await this.#enqueue({ text: sql, values, ...naming, ...options } as Driver.QueryConfig);
    return { rows: result.rows as R[], changed: result.rowCount ?? 0 };
  }

  /** Runs one statement that may be run twice, see {@link repeated}. */
  async repeat<R = Row>(sql: string, params: readonly unknown[]): Promise<StatementResult<R>> {
    return await this.repeated(() => this.query<R>(sql, params));
  }

  /** Does `work`, and repeats it each time the connection is lost meanwhile, for up to `awayMs`. */
  async repeated<T>(work: () => Promise<T>): Promise<T> {
    const deadline = systemClock.mono() + this.#awayMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        const remainingMs = deadline - systemClock.mono();
        if (!(error instanceof Disconnected) || remainingMs <= 0) throw error;
        await this.reconnect(remainingMs);
      }
    }
  }

  /** Runs statements without parameters in one request; returns the rows of each. */
  async script(sql: string): Promise<Row[][]> {
    const results: unknown = await this.#enqueue(sql);
    return (Array.isArray(results) ? results : [results]).map(({ rows }) => rows);
  }

  /** Sends one statement after the other: the driver takes no second one meanwhile. */
  #enqueue(query: string | Driver.QueryConfig): Promise<Driver.QueryResult> {
    const deadline = systemClock.mono() + this.#turnMs;
    const turn = this.#turn.then(() => {
      if (systemClock.mono() > deadline) throw timeoutError(this.#turnMs);
      return this.#send(query);
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #send(query: string | Driver.QueryConfig): Promise<Driver.QueryResult> {
    const client = await this.#ensureClient();
    this.#sentAt = systemClock.mono();
    try {
      return await client.query(query as Driver.QueryConfig);
    } catch (error) {
      throw this.#classify(client, error);
    } finally {
      this.#sentAt = null;
    }
  }

  /**
   * Breaks off the connection if a statement has had no response for `afterMs`: the other end may have vanished. The
   * statement rejects with {@link Disconnected}, and the next one connects again.
   */
  async breakOff(afterMs: number): Promise<void> {
    if (this.#sentAt === null || systemClock.mono() - this.#sentAt < afterMs) return;
    // The driver has no other way to end a connection that does not respond.
    if (await this.#client?.catch(() => undefined)) this.#socket?.destroy();
  }

  /** Returns whether a statement is under way and no byte has come or gone for `forMs`. To be called repeatedly. */
  isSilent(forMs: number): boolean {
    const now = systemClock.mono();
    const bytes = `${this.#sentAt} ${this.#socket?.bytesRead} ${this.#socket?.writableLength}`;
    if (bytes !== this.#traffic.bytes) this.#traffic = { bytes, at: now };
    return this.#sentAt !== null && this.#client !== null && now - this.#traffic.at >= forMs;
  }

  /** Tries to connect until `forMs` have passed. */
  async reconnect(forMs: number): Promise<void> {
    const deadline = systemClock.mono() + forMs;
    for (;;) {
      try {
        await this.#ensureClient();
        return;
      } catch (error) {
        if (this.#isClosed || !(error instanceof Disconnected) || systemClock.mono() >= deadline) throw error;
        await delay(RETRY_MS);
      }
    }
  }

  async close(): Promise<void> {
    await this.#turn;
    this.#isClosed = true;
    const client = await this.#client?.catch(() => undefined);
    await client?.end().catch(() => {});
  }

  #ensureClient(): Promise<Driver.Client> {
    if (this.isPinned && !this.#client)
      return Promise.reject(new Disconnected(new Error("the connection broke within a transaction")));
    this.#client ??= this.#connect().catch((error) => {
      this.#client = null;
      throw error;
    });
    return this.#client;
  }

  async #connect(): Promise<Driver.Client> {
    if (this.#isClosed) throw new Disconnected(new Error("the store is closed"));
    const { Client, types } = driver();
    const client = new Client({
      ...connectionOptions(this.#url),
      application_name: this.name,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      types: {
        getTypeParser: ((oid: number, format?: "text" | "binary") =>
          NUMBER_TYPES.includes(oid) ? Number : types.getTypeParser(oid, format as "text")) as never,
      },
    });
    refusePlain(client.host, this.#url);
    client.on("error", () => this.#handleLoss(client));
    client.on("end", () => this.#handleLoss(client));
    client.on("notification", ({ channel, payload }) => this.#channels.get(channel)?.(payload ?? ""));
    try {
      await client.connect();
      const [row] = (await client.query<Record<string, string>>(`${SETTINGS_SQL}, ${WRITABLE_SQL}`)).rows;
      requireSettings(row);
      requireWritable(row);
      // The driver does not declare these two.
      const { connection, processID } = client as unknown as {
        connection: { stream: Socket };
        processID: number;
      };
      [this.#socket, this.pid] = [connection.stream, processID];
      // With this, the server ends a statement that waits for a lock when its client is gone. Some systems lack it.
      await client.query("set client_connection_check_interval = '1s'").catch(() => {});
      for (const channel of this.#channels.keys()) await client.query(`listen ${channel}`);
    } catch (error) {
      void client.end().catch(() => {});
      throw refusalOf(error) ?? (error instanceof Disconnected ? error : new Disconnected(error));
    }
    return client;
  }

  #handleLoss(client: Driver.Client): void {
    const before = this.#client;
    void before?.then(
      (current) => {
        if (current !== client || this.#client !== before) return;
        this.#client = null;
        this.#onLost();
      },
      () => {},
    );
  }

  #classify(client: Driver.Client, error: unknown): unknown {
    const { code } = error as { code?: string };
    if (code === "42501") return forbiddenError(error as Error);
    // 08: connection error. 57P: the server shuts down. 25P03, 25P04: the server ended an idle or a long transaction.
    // 25006: it takes no more writes; the next connection finds out why. No code: the socket broke.
    const isAway = code === undefined || /^(08|57P|25P0[34]|25006|E[A-Z]+$)/.test(code);
    if (!isAway) return storeError(error);
    this.#client = null;
    void client.end().catch(() => {});
    return new Disconnected(error);
  }
}

const names = new Map<string, string>();

/** Returns the name under which each connection prepares statements of this text once. */
function nameOf(sql: string): string {
  let name = names.get(sql);
  if (name === undefined) {
    name = createHash("sha256").update(sql).digest("hex").slice(0, 40);
    names.set(sql, name);
  }
  return name;
}
