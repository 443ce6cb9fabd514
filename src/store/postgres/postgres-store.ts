import { setTimeout as sleep } from "node:timers/promises";
import type { Fault, WriteName } from "../../core/faults.ts";
import type { Step, TaskEvent } from "../../core/task.ts";
import type { Op } from "../sql/context.ts";
import * as events from "../sql/events.ts";
import * as journal from "../sql/journal.ts";
import { SqlStore, type StoreOptions } from "../sql/sql-store.ts";
import { acknowledgeAtOnce } from "./acknowledge.ts";
import { Connection } from "./connection.ts";
import { doInTurn, PostgresContext } from "./context.ts";
import { GroupCommit } from "./group-commit.ts";
import { breakOffHalfOpen } from "./half-open.ts";
import { Relay } from "./relay.ts";
import { storeError } from "./store-error.ts";
import { SCHEMA_CHANNEL } from "./transaction.ts";

/** Writes that other machines need not hear about. */
const UNANNOUNCED_WRITES: ReadonlySet<WriteName> = new Set([
  "note-attempt",
  "result",
  "checkpoint",
  "step",
  "steps",
  "keep",
  "messages",
  "artifact",
  "deliveries",
  "delivered",
  "hooks",
]);

/** A notification may be lost with its connection, so the events of other machines are polled this often, in ms. */
const POLL_MS = 1000;
/** After this long without a response, a connection may be dead, in ms. */
const RESPONSE_TIMEOUT_MS = 1000;
/** How many events are read at once. */
const PAGE_SIZE = 1000;
/** How long `close` waits for what is under way, in ms. */
const CLOSE_TIMEOUT_MS = 5000;
/** How long a read, or other work that may be done twice, waits for a database that is away, in ms. */
const AWAY_TIMEOUT_MS = 10_000;

/** {@link Store} over a PostgreSQL database that several machines share. */
export class PostgresStore extends SqlStore {
  /** Also used for lease renewals, so that no write delays them. */
  readonly listener: Connection;
  /** For files, which may be large. */
  readonly files: Connection;
  readonly relay: Relay;
  readonly #relayConnection: Connection;
  readonly #writer: Connection;
  readonly #reader: Connection;
  readonly #readerContext: PostgresContext;
  readonly #listenerContext: PostgresContext;
  readonly #writerContext: PostgresContext;
  readonly #commits: GroupCommit;
  #cursor = 0;
  #polling: Promise<void> | null = null;
  #isPollRequested = false;
  #timer: NodeJS.Timeout | null = null;
  #onChange: () => void = () => {};
  #onDataLoss: () => Promise<void> = async () => {};
  #isCheckingCursor = false;

  private constructor(url: string, machine: string, options: StoreOptions & { fault: Fault }) {
    // Files may take long, so a request that waits for earlier ones is never refused.
    const connection = (role: string, turnMs = AWAY_TIMEOUT_MS) =>
      new Connection(url, `agentctl ${machine} ${role}`, { awayMs: AWAY_TIMEOUT_MS, turnMs });
    const [writer, reader, listener] = [connection("writer"), connection("reader"), connection("listener")];
    const ctx = new PostgresContext(writer, machine);
    super(
      { read: (run) => this.#read(run), write: (name, run) => this.#commits.write(name, () => run(ctx)) },
      options,
    );
    this.#writer = writer;
    this.#writerContext = ctx;
    this.#reader = reader;
    this.listener = listener;
    this.files = connection("files", Number.POSITIVE_INFINITY);
    this.#relayConnection = connection("relay");
    this.relay = new Relay(this.#relayConnection, machine);
    this.#readerContext = new PostgresContext(reader, machine);
    this.#listenerContext = new PostgresContext(listener, machine);
    this.#commits = new GroupCommit(writer, ctx, {
      fault: options.fault,
      committed: (newEvents) => this.#publish(newEvents),
      notices: (names) => (names.every((name) => UNANNOUNCED_WRITES.has(name)) ? null : machine),
    });
  }

  /** Opens the store of a cluster. Rejects with `StoreUnavailable` if its database cannot be reached. */
  static async open(
    url: string,
    machine: string,
    options: StoreOptions & { fault: Fault },
  ): Promise<PostgresStore> {
    const store = new PostgresStore(url, machine, options);
    try {
      await store.#begin(machine);
    } catch (error) {
      await store.close();
      throw storeError(error);
    }
    return store;
  }

  async #begin(machine: string): Promise<void> {
    await this.listener.listen(SCHEMA_CHANNEL, (from) => {
      this.requestPoll();
      if (from !== machine) this.#onChange();
    });
    await this.relay.listen(this.listener);
    this.#cursor = await doInTurn(events.lastSeq(this.#listenerContext));
    this.#timer = setInterval(() => {
      this.requestPoll();
      void this.#checkCursor();
      // The lease renewals watch the listener's connection.
      const others = [this.#writer, this.#reader, this.files, this.#relayConnection];
      breakOffHalfOpen(this.listener, others).catch(() => {});
      this.#onChange();
    }, POLL_MS);
  }

  /** Called when another machine may have changed something, and once a second. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Called when the database lacks what it had acknowledged, and again if the listener rejects. */
  onDataLoss(listener: () => Promise<void>): void {
    this.#onDataLoss = listener;
  }

  /** From now on this machine writes only under the lease of this epoch. */
  setEpoch(epoch: number): void {
    this.#commits.epoch = epoch;
  }

  /** The database was away for a while: breaks off dead connections, so that the waiting requests are sent again. */
  async revive(): Promise<void> {
    await Promise.all([this.#writer, this.#reader].map((each) => each.breakOff(RESPONSE_TIMEOUT_MS)));
  }

  /** Waits for what is under way, but at most `CLOSE_TIMEOUT_MS`: the database may not respond. */
  async close(): Promise<void> {
    this.#commits.isClosing = true;
    if (this.#timer) clearInterval(this.#timer);
    this.relay.stop();
    const connections = [this.#writer, this.#reader, this.listener, this.files, this.#relayConnection];
    const closeAll = async () => {
      await this.#commits.drained();
      await this.#polling;
      await Promise.all(connections.map((each) => each.close()));
    };
    const timeout = new AbortController();
    await Promise.race([closeAll(), sleep(CLOSE_TIMEOUT_MS, undefined, timeout).catch(() => undefined)]);
    timeout.abort();
    await Promise.all(connections.map((each) => each.breakOff(0)));
  }

  override acknowledge(token: string, step: Omit<Step, "position" | "attempt">) {
    const [commits, ctx] = [this.#commits, this.#writerContext];
    const credentials = () => ({ token, machine: ctx.machine, epoch: commits.epoch });
    return commits.write(
      "step",
      function* () {
        return yield* journal.acknowledge(ctx, yield* ctx.liveAttempt(token), step);
      },
      () => acknowledgeAtOnce(this.#writer, credentials(), step),
    );
  }

  async #read<T>(run: (ctx: PostgresContext) => Op<T>): Promise<T> {
    try {
      return await this.#reader.repeated(() => doInTurn(run(this.#readerContext)));
    } catch (error) {
      throw storeError(error);
    }
  }

  /** Publishes what this machine wrote, unless events of others come before it. */
  #publish(written: readonly TaskEvent[]): void {
    // A poll under way may have published the first of them.
    const newEvents = written.filter(({ seq }) => seq > this.#cursor);
    const [first] = newEvents;
    if (!first) return;
    if (first.seq !== this.#cursor + 1) {
      this.requestPoll();
      return;
    }
    this.#cursor = (newEvents.at(-1) as TaskEvent).seq;
    this.notify(newEvents);
  }

  /** Reads the new events and publishes them in their order. */
  requestPoll(): void {
    this.#isPollRequested = true;
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = null;
      if (this.#isPollRequested) this.requestPoll();
    });
  }

  async #poll(): Promise<void> {
    while (this.#isPollRequested) {
      this.#isPollRequested = false;
      try {
        const query = { after: this.#cursor, limit: PAGE_SIZE };
        const page = await doInTurn(events.listAfter(this.#listenerContext, query));
        // What this machine wrote meanwhile is already published.
        const newEvents = page.filter(({ seq }) => seq > this.#cursor);
        const last = newEvents.at(-1);
        if (last) this.#cursor = last.seq;
        if (page.length === PAGE_SIZE) this.#isPollRequested = true;
        this.notify(newEvents);
      } catch {
        // The database is away: the next poll is within a second.
        this.#isPollRequested = false;
      }
    }
  }

  /**
   * After a dump was restored, or a standby without the last commits took over, event numbers repeat. Once the tasks
   * that run here are reconciled with the database, reading continues from its number. If that fails, the next check
   * finds the same.
   */
  async #checkCursor(): Promise<void> {
    if (this.#isCheckingCursor) return;
    this.#isCheckingCursor = true;
    try {
      const before = this.#cursor;
      const seq = (await this.listener.query("select seq from event_counter", [])).rows[0]?.seq as number;
      if (seq >= before) return;
      await this.#onDataLoss();
      this.#cursor = seq;
    } catch {
      // The database is away: the next check is within a second.
    } finally {
      this.#isCheckingCursor = false;
    }
  }
}
