import { Context, type Op } from "../sql/context.ts";
import { type Cell, newEventColumns, newTaskColumns, type Row } from "../sql/rows.ts";
import type { Database, Statement } from "./file/driver.ts";

/** How many selections are kept prepared. Callers choose which fields of tasks to read, so there may be many more. */
const MAX_SELECTIONS = 200;

const INSERT_TASK = insertOf("tasks", newTaskColumns);
const INSERT_EVENT = insertOf("events", newEventColumns);

function insertOf(table: string, columns: readonly string[]): string {
  return `insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`;
}

/** Prepared statements on one SQLite file. They are synchronous: no operation waits. */
export class SqliteContext extends Context {
  readonly db: Database;
  readonly #statements = new Map<string, Statement>();
  readonly #selections = new Map<string, Statement>();

  constructor(db: Database) {
    super();
    this.db = db;
  }

  row(sql: string, ...params: unknown[]): Op<Row | undefined> {
    return immediate(this.#sql(sql).get(...params) as Row | undefined);
  }

  rows(sql: string, ...params: unknown[]): Op<Row[]> {
    return immediate(this.#sql(sql).all(...params) as Row[]);
  }

  run(sql: string, ...params: unknown[]): Op<number> {
    return immediate(this.#sql(sql).run(...params).changes);
  }

  insertRow(sql: string, ...params: unknown[]): Op<number> {
    return immediate(Number(this.#sql(sql).run(...params).lastInsertRowid));
  }

  insertTasks(rows: readonly (readonly Cell[])[]): Op<number[]> {
    return this.#insertAll(INSERT_TASK, rows);
  }

  insertEvents(rows: readonly (readonly Cell[])[]): Op<number[]> {
    return this.#insertAll(INSERT_EVENT, rows);
  }

  cells(sql: string, params: readonly Cell[]): Op<Cell[][]> {
    let statement = this.#selections.get(sql);
    if (!statement) {
      if (this.#selections.size >= MAX_SELECTIONS) this.#selections.clear();
      statement = this.db.prepare(sql).raw();
      this.#selections.set(sql, statement);
    }
    return immediate(statement.all(...params) as Cell[][]);
  }

  #insertAll(sql: string, rows: readonly (readonly Cell[])[]): Op<number[]> {
    const statement = this.#sql(sql);
    return immediate(rows.map((cells) => Number(statement.run(...cells).lastInsertRowid)));
  }

  /** Returns the statement for `sql`, prepared once. */
  #sql(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** An operation whose value is already known. */
// biome-ignore lint/correctness/useYield: it waits for nothing
function* immediate<T>(value: T): Op<T> {
  return value;
}

/** Runs an operation that never waits, and returns its value. */
export function doNow<T>(op: Op<T>): T {
  const { done, value } = op.next();
  if (!done) throw new Error("work on a file of SQLite waits for something");
  return value as T;
}
