import { AgentctlError } from "../../core/errors.ts";
import type { Task, TaskEvent } from "../../core/task.ts";
import type { Database, Statement } from "./file/driver.ts";
import { type Cell, changedCells, type Row, taskCells, taskColumns, toTask } from "./rows.ts";

const INSERT = `insert into tasks (${taskColumns.join(", ")}) values (${taskColumns.map(() => "?").join(", ")})`;

/** The live attempt that a token authorises. */
export interface ActiveAttempt {
  taskId: number;
  n: number;
}

/**
 * What the parts of the SQLite store share: prepared statements, and the reading and writing of one task inside
 * a transaction.
 */
export class Context {
  readonly db: Database;
  /** The events of the transaction under way. */
  news: TaskEvent[] = [];
  /** The task that was read last, until the next commit. */
  last: Task | undefined;
  readonly #statements = new Map<string, Statement>();
  readonly #selections = new Map<string, Statement>();

  constructor(db: Database) {
    this.db = db;
  }

  /** The statement for `sql`, prepared once. */
  sql(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  row(sql: string, ...params: unknown[]): Row | undefined {
    return this.sql(sql).get(...params) as Row | undefined;
  }

  rows(sql: string, ...params: unknown[]): Row[] {
    return this.sql(sql).all(...params) as Row[];
  }

  run(sql: string, ...params: unknown[]): number {
    return this.sql(sql).run(...params).changes;
  }

  /** The tasks that `source` holds: a table with its clauses, whose parameters stand in an array or go by name. */
  tasks(source: string, params: readonly Cell[] | Record<string, Cell>): Task[] {
    return (this.#selection(source).all(params) as Cell[][]).map(toTask);
  }

  /** The first of the tasks that `source` holds. */
  firstTask(source: string, ...params: Cell[]): Task | undefined {
    const cells = this.#selection(source).get(params) as Cell[] | undefined;
    return cells && toTask(cells);
  }

  /** The task; throws `TaskNotFound`. */
  task(id: number): Task {
    const task = this.firstTask("tasks where id = ?", id);
    if (!task) throw new AgentctlError("TaskNotFound", { id, state: null });
    return task;
  }

  /** Its rows are arrays of cells: to name each cell of each row costs more than to read it. */
  #selection(source: string): Statement {
    let statement = this.#selections.get(source);
    if (!statement) {
      statement = this.db.prepare(`select ${taskColumns.join(", ")} from ${source}`).raw();
      this.#selections.set(source, statement);
    }
    return statement;
  }

  /**
   * Writes the fields in which `after` differs from `before`, where the task is still in the state and the attempt of
   * `before`, and answers `after`. Throws `StaleAttempt` where it is not.
   */
  write(before: Task, after: Task): Task {
    const cells = changedCells(before, after);
    const columns = Object.keys(cells);
    if (columns.length === 0) return after;
    const { id, state, attempt } = before;
    const sql = `update tasks set ${columns.map((column) => `${column} = ?`).join(", ")}
      where id = ? and state = ? and attempt = ?`;
    const { changes } = this.sql(sql).run(...Object.values(cells), id, state, attempt);
    if (changes === 0) throw new AgentctlError("StaleAttempt", { id, state, attempt });
    return after;
  }

  /** Inserts a task without its id, and answers it with the id that it got. */
  insert(task: Omit<Task, "id">): Task {
    // A null is replaced by the next number.
    const [, ...cells] = taskCells({ ...task, id: 0 });
    const { lastInsertRowid } = this.sql(INSERT).run(null, ...cells);
    return { ...task, id: Number(lastInsertRowid) };
  }

  /**
   * The attempt that `token` authorises to write; throws `StaleAttempt` unless it is the live one of its task. A
   * frozen attempt is live: what it sent before it was stopped counts, and it goes on with the same token.
   */
  live(token: string): ActiveAttempt {
    const row = this.row(
      `select a.task_id, a.n, a.ended_at, t.state, t.attempt, t.frozen from attempts a
       join tasks t on t.id = a.task_id where a.token = ?`,
      token,
    );
    const isLive = row?.state === "working" || row?.frozen === 1;
    if (row && isLive && row.attempt === row.n && row.ended_at === null) {
      return { taskId: row.task_id as number, n: row.n as number };
    }
    throw new AgentctlError("StaleAttempt", {
      id: row?.task_id ?? null,
      state: row?.state ?? null,
      attempt: row?.n ?? null,
    });
  }
}
