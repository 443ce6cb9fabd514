import type { Fault, WriteName } from "../../core/faults.ts";
import type { Op } from "../sql/context.ts";
import { SqlStore, type StoreOptions } from "../sql/sql-store.ts";
import { doNow, SqliteContext } from "./context.ts";
import type { Database } from "./file/driver.ts";
import { GroupCommit, storeError } from "./group-commit.ts";

/** {@link Store} over one SQLite file. */
export class SqliteStore extends SqlStore {
  readonly #ctx: SqliteContext;
  readonly #commits: GroupCommit;

  constructor(db: Database, options: StoreOptions & { fault: Fault }) {
    const ctx = new SqliteContext(db);
    super(
      { read: (run) => read(() => run(ctx)), write: (name, run) => this.#write(name, () => run(ctx)) },
      options,
    );
    this.#ctx = ctx;
    this.#commits = new GroupCommit(db, {
      fault: options.fault,
      committed: () => this.#publish(),
      refused: () => {
        ctx.newEvents = [];
      },
    });
  }

  close(): void {
    this.#commits.flush(true);
    this.#ctx.db.close();
  }

  #write<T>(name: WriteName, run: () => Op<T>): Promise<T> {
    return this.#commits.write(name, () => {
      const eventCount = this.#ctx.newEvents.length;
      try {
        return doNow(run());
      } catch (error) {
        // The write is undone, so its events must not be published.
        this.#ctx.newEvents.length = eventCount;
        throw error;
      }
    });
  }

  #publish(): void {
    const events = this.#ctx.newEvents;
    this.#ctx.newEvents = [];
    this.notify(events);
  }
}

async function read<T>(run: () => Op<T>): Promise<T> {
  try {
    return doNow(run());
  } catch (error) {
    throw storeError(error);
  }
}
