import { AgentctlError } from "../../core/errors.ts";
import { Context, type Op } from "../sql/context.ts";
import { type Cell, newEventColumns, newTaskColumns, type Row } from "../sql/rows.ts";
import type { Connection, StatementResult } from "./connection.ts";

const INSERT_TASK = `insert into tasks (${newTaskColumns.join(", ")}) values (${placeholders(newTaskColumns)})`;

/** Inserts a row of `events` with the next number. Every writer locks the counter's row. */
const INSERT_EVENT = `with counted as (update event_counter set seq = seq + 1 returning seq)
  insert into events (seq, ${newEventColumns.join(", ")})
  select seq, ${placeholders(newEventColumns)} from counted returning seq`;

/** How many rows one statement inserts. Each size is a statement of its own, prepared once. */
const BATCH_SIZES = [100, 10, 1];

type Rows = readonly (readonly Cell[])[];

/** A table whose key is the next number of a counter. */
interface NumberedTable {
  table: string;
  key: string;
  columns: readonly string[];
  counter: "task" | "seq";
}

/** Statements over one connection to PostgreSQL. */
export class PostgresContext extends Context {
  override readonly machine: string;
  readonly #connection: Connection;

  constructor(connection: Connection, machine: string) {
    super();
    this.#connection = connection;
    this.machine = machine;
  }

  *row(sql: string, ...params: unknown[]): Op<Row | undefined> {
    return (yield* this.#query(sql, params)).rows[0];
  }

  *rows(sql: string, ...params: unknown[]): Op<Row[]> {
    return (yield* this.#query(sql, params)).rows;
  }

  *run(sql: string, ...params: unknown[]): Op<number> {
    return (yield* this.#query(sql, params)).changed;
  }

  *insertRow(sql: string, ...params: unknown[]): Op<number> {
    return (yield* this.#query(`${sql} returning id`, params)).rows[0]?.id as number;
  }

  *insertTasks(rows: Rows): Op<number[]> {
    const [only, ...more] = rows;
    if (only && more.length === 0) return [yield* this.insertRow(INSERT_TASK, ...only)];
    return yield* this.#insertAll(
      { table: "tasks", key: "id", columns: newTaskColumns, counter: "task" },
      rows,
    );
  }

  *insertEvents(rows: Rows): Op<number[]> {
    const [only, ...more] = rows;
    if (only && more.length === 0) return [(yield* this.row(INSERT_EVENT, ...only))?.seq as number];
    return yield* this.#insertAll(
      { table: "events", key: "seq", columns: newEventColumns, counter: "seq" },
      rows,
    );
  }

  /** Inserts rows with the next numbers of `counter`. Every writer locks the counter's row. */
  *#insertAll({ table, key, columns, counter }: NumberedTable, rows: Rows): Op<number[]> {
    const { length } = rows;
    const count = `update event_counter set ${counter} = ${counter} + ? returning ${counter} - ? as last`;
    const last = (yield* this.row(count, length, length))?.last as number;
    const numbers = rows.map((_, index) => last + index + 1);
    let inserted = 0;
    for (const size of BATCH_SIZES) {
      const values = Array(size).fill(`(?, ${placeholders(columns)})`);
      const sql = `insert into ${table} (${key}, ${columns.join(", ")}) values ${values.join(", ")}`;
      for (; inserted + size <= length; inserted += size) {
        const batch = rows.slice(inserted, inserted + size);
        yield* this.run(sql, ...batch.flatMap((cells, index) => [numbers[inserted + index], ...cells]));
      }
    }
    return numbers;
  }

  *cells(sql: string, params: readonly Cell[]): Op<Cell[][]> {
    const request = this.#connection.query<Cell[]>(numberParams(sql), requireNoNul(params), {
      rowMode: "array",
    });
    return ((yield request) as StatementResult<Cell[]>).rows;
  }

  *#query(sql: string, params: readonly unknown[]): Op<StatementResult> {
    return (yield this.#connection.query(numberParams(sql), requireNoNul(params))) as StatementResult;
  }
}

function placeholders(columns: readonly string[]): string {
  return columns.map(() => "?").join(", ");
}

/** How many translated statements are kept. Callers choose which fields of tasks to read, so there may be many more. */
const MAX_TRANSLATIONS = 1000;
const translations = new Map<string, string>();

/** Replaces the `?` of each parameter with `$1`, `$2`, … */
function numberParams(sql: string): string {
  let translated = translations.get(sql);
  if (translated === undefined) {
    let n = 0;
    translated = sql.replace(/\?/g, () => `$${++n}`);
    if (translations.size >= MAX_TRANSLATIONS) translations.clear();
    translations.set(sql, translated);
  }
  return translated;
}

/** Throws `InvalidParams` for a text with a NUL, which PostgreSQL cannot store; otherwise returns `params`. */
export function requireNoNul(params: readonly unknown[]): readonly unknown[] {
  for (const param of params) {
    if (typeof param !== "string" || !param.includes("\0")) continue;
    throw new AgentctlError("InvalidParams", {
      field: "text",
      reason: "a cluster keeps no text with a NUL in it",
    });
  }
  return params;
}

/** Runs an operation that waits for a server, one response after the other. */
export async function doInTurn<T>(op: Op<T>): Promise<T> {
  let step = op.next();
  while (!step.done) {
    let response: unknown;
    try {
      response = await step.value;
    } catch (error) {
      step = op.throw(error);
      continue;
    }
    step = op.next(response);
  }
  return step.value;
}
