import { AgentctlError } from "../../core/errors.ts";
import { Context, type Op } from "../sql/context.ts";
import { type Cell, newEventColumns, newTaskColumns, type Row } from "../sql/rows.ts";
import type { Answer, Connection } from "./connection.ts";

const TASK = `insert into tasks (${newTaskColumns.join(", ")}) values (${marks(newTaskColumns)})`;

/** Inserts a row of `events` with the next number. Every writer locks the counter's row. */
const EVENT = `with counted as (update event_counter set seq = seq + 1 returning seq)
  insert into events (seq, ${newEventColumns.join(", ")})
  select seq, ${marks(newEventColumns)} from counted returning seq`;

/** How many rows one statement inserts. Each size is a statement of its own, prepared once. */
const TOGETHER = [100, 10, 1];

type Rows = readonly (readonly Cell[])[];

/** A table whose key is the next number of a counter. */
interface Numbered {
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
    return (yield* this.#ask(sql, params)).rows[0];
  }

  *rows(sql: string, ...params: unknown[]): Op<Row[]> {
    return (yield* this.#ask(sql, params)).rows;
  }

  *run(sql: string, ...params: unknown[]): Op<number> {
    return (yield* this.#ask(sql, params)).changed;
  }

  *insertRow(sql: string, ...params: unknown[]): Op<number> {
    return (yield* this.#ask(`${sql} returning id`, params)).rows[0]?.id as number;
  }

  *insertTasks(rows: Rows): Op<number[]> {
    const [only, ...more] = rows;
    if (only && more.length === 0) return [yield* this.insertRow(TASK, ...only)];
    return yield* this.#insertAll(
      { table: "tasks", key: "id", columns: newTaskColumns, counter: "task" },
      rows,
    );
  }

  *insertEvents(rows: Rows): Op<number[]> {
    const [only, ...more] = rows;
    if (only && more.length === 0) return [(yield* this.row(EVENT, ...only))?.seq as number];
    return yield* this.#insertAll(
      { table: "events", key: "seq", columns: newEventColumns, counter: "seq" },
      rows,
    );
  }

  /** Inserts rows with the next numbers of `counter`. Every writer locks the counter's row. */
  *#insertAll({ table, key, columns, counter }: Numbered, rows: Rows): Op<number[]> {
    const { length } = rows;
    const count = `update event_counter set ${counter} = ${counter} + ? returning ${counter} - ? as last`;
    const last = (yield* this.row(count, length, length))?.last as number;
    const numbers = rows.map((_, at) => last + at + 1);
    let done = 0;
    for (const size of TOGETHER) {
      const values = Array(size).fill(`(?, ${marks(columns)})`);
      const sql = `insert into ${table} (${key}, ${columns.join(", ")}) values ${values.join(", ")}`;
      for (; done + size <= length; done += size) {
        const part = rows.slice(done, done + size);
        yield* this.run(sql, ...part.flatMap((cells, at) => [numbers[done + at], ...cells]));
      }
    }
    return numbers;
  }

  *cells(sql: string, params: readonly Cell[]): Op<Cell[][]> {
    const asked = this.#connection.query<Cell[]>(numbered(sql), checked(params), { rowMode: "array" });
    return ((yield asked) as Answer<Cell[]>).rows;
  }

  *#ask(sql: string, params: readonly unknown[]): Op<Answer> {
    return (yield this.#connection.query(numbered(sql), checked(params))) as Answer;
  }
}

function marks(columns: readonly string[]): string {
  return columns.map(() => "?").join(", ");
}

/** How many translated statements are kept. Callers choose which fields of tasks to read, so there may be many more. */
const MOST_TRANSLATIONS = 1000;
const translations = new Map<string, string>();

/** Replaces the `?` of each parameter with `$1`, `$2`, … */
function numbered(sql: string): string {
  let translated = translations.get(sql);
  if (translated === undefined) {
    let n = 0;
    translated = sql.replace(/\?/g, () => `$${++n}`);
    if (translations.size >= MOST_TRANSLATIONS) translations.clear();
    translations.set(sql, translated);
  }
  return translated;
}

/** Throws `InvalidParams` for a text with a NUL, which PostgreSQL cannot store; otherwise returns `params`. */
export function checked(params: readonly unknown[]): readonly unknown[] {
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
    let answer: unknown;
    try {
      answer = await step.value;
    } catch (error) {
      step = op.throw(error);
      continue;
    }
    step = op.next(answer);
  }
  return step.value;
}
