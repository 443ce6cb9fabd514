import { AgentctlError } from "../../core/errors.ts";
import type { Task, TaskEvent } from "../../core/task.ts";
import {
  type Cell,
  changedCells,
  type Projection,
  type Row,
  taskCells,
  taskColumns,
  toTask,
} from "./rows.ts";

/**
 * An operation on a database, written once for all databases. With SQLite it runs without a pause. With a server, each
 * `yield` hands out the promise of a response, and continues with its value.
 */
export type Op<T> = Generator<Promise<unknown>, T, unknown>;

const wholeTask: Projection = { columns: taskColumns, toTask };

/** The live attempt that a token authorises. */
export interface ActiveAttempt {
  taskId: number;
  n: number;
}

/**
 * What the parts of a store share: statements, and reading and writing one task inside a transaction. Statements use
 * the SQL that SQLite and PostgreSQL have in common, with `?` for each parameter.
 */
export abstract class Context {
  /** The events of the current transaction. */
  newEvents: TaskEvent[] = [];
  /** The name of this machine among those that share the store; null if the store is not shared. */
  readonly machine: string | null = null;

  abstract row(sql: string, ...params: unknown[]): Op<Row | undefined>;
  abstract rows(sql: string, ...params: unknown[]): Op<Row[]>;
  /** Runs a statement; returns how many rows it changed. */
  abstract run(sql: string, ...params: unknown[]): Op<number>;
  /** Inserts one row; returns its new id. */
  abstract insertRow(sql: string, ...params: unknown[]): Op<number>;
  /** Reads rows as arrays of cells: naming each cell of each row costs more than reading it. */
  abstract cells(sql: string, params: readonly Cell[]): Op<Cell[][]>;
  /** Inserts rows of `tasks` from their cells after `id`; returns their ids, which are the next numbers. */
  abstract insertTasks(rows: readonly (readonly Cell[])[]): Op<number[]>;
  /** Inserts rows of `events` from their cells after `seq`; returns their numbers, the next over all tasks. */
  abstract insertEvents(rows: readonly (readonly Cell[])[]): Op<number[]>;

  /** Reads the tasks of `source`: a table with its clauses. */
  *tasks(source: string, params: readonly Cell[], projection: Projection = wholeTask): Op<Task[]> {
    return (yield* this.cells(selection(source, projection), params)).map(projection.toTask);
  }

  /** Reads the first task of `source`. */
  *firstTask(source: string, ...params: Cell[]): Op<Task | undefined> {
    const [cells] = yield* this.cells(selection(source), params);
    return cells && toTask(cells);
  }

  /** Reads a task; throws `TaskNotFound`. */
  *task(id: number): Op<Task> {
    const task = yield* this.firstTask("tasks where id = ?", id);
    if (!task) throw new AgentctlError("TaskNotFound", { id, state: null });
    return task;
  }

  /**
   * Writes the fields that differ between `before` and `after`, if the task is still in the state and the attempt of
   * `before`, and returns `after`. Otherwise throws `StaleAttempt`.
   */
  *write(before: Task, after: Task): Op<Task> {
    const cells = changedCells(before, after);
    const columns = Object.keys(cells);
    if (columns.length === 0) return after;
    const { id, state, attempt } = before;
    const sql = `update tasks set ${columns.map((column) => `${column} = ?`).join(", ")}
      where id = ? and state = ? and attempt = ?`;
    const changes = yield* this.run(sql, ...Object.values(cells), id, state, attempt);
    if (changes === 0) throw new AgentctlError("StaleAttempt", { id, state, attempt });
    return after;
  }

  /** Inserts tasks, ignoring their ids; returns them with their new ids. */
  *insert(tasks: readonly Task[]): Op<Task[]> {
    const ids = yield* this.insertTasks(tasks.map((task) => taskCells(task).slice(1)));
    return tasks.map((task, index) => ({ ...task, id: ids[index] as number }));
  }

  /**
   * Returns the attempt that `token` authorises to write; throws `StaleAttempt` unless it is the live one of its task.
   * A frozen attempt is live: what it sent before it was stopped counts, and it continues with the same token.
   */
  *liveAttempt(token: string): Op<ActiveAttempt> {
    const row = yield* this.row(
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

const selections = new Map<string, string>();

function selection(source: string, { columns } = wholeTask): string {
  if (columns !== taskColumns) return `select ${columns.join(", ")} from ${source}`;
  let sql = selections.get(source);
  if (sql === undefined) {
    sql = `select ${columns.join(", ")} from ${source}`;
    selections.set(source, sql);
  }
  return sql;
}
