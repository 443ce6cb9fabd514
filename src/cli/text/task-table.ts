import { columnOf, type TaskColumnName } from "./columns.ts";
import type { Paint } from "./paint.ts";
import { type Cell, tableLines } from "./table.ts";
import type { ListedTask } from "./task-text.ts";

/** Where a table of tasks is shown, and which columns it has. */
export interface TableOptions {
  now: number;
  /** The width of the terminal; undefined in a pipe, where every column is shown and nothing is cut. */
  columns: number | undefined;
  paint: Paint;
  /** The columns to show instead of the usual ones. */
  chosen?: readonly TaskColumnName[] | undefined;
  /** Whether to show machines; undefined shows them if a task is on one. */
  isCluster?: boolean | undefined;
}

const defaultColumns: readonly TaskColumnName[] = [
  "id",
  "state",
  "task",
  "queue",
  "machine",
  "age",
  "ran",
  "details",
];

/** Returns the columns for a width: a narrow screen shows only what a task is and does. */
function columnsFor(columns: number | undefined): readonly TaskColumnName[] {
  if (columns === undefined || columns >= 68) return defaultColumns;
  return columns < 48 ? ["id", "state", "task"] : ["id", "state", "task", "details"];
}

/**
 * A table of tasks, one line each, which makes its rows as tasks arrive. On a terminal it fits the width, and shows the
 * queue only if a task is in one besides `default`. If narrow, it shows only what a task is and does.
 */
export class TaskTable {
  readonly #options: TableOptions;
  readonly #names: readonly TaskColumnName[];
  readonly #rows: Cell[][] = [];
  #hasQueues: boolean;
  #hasMachines: boolean;

  constructor(options: TableOptions) {
    this.#options = options;
    this.#names = options.chosen ?? columnsFor(options.columns);
    this.#hasQueues = options.columns === undefined;
    this.#hasMachines = options.isCluster === true;
  }

  add(tasks: readonly ListedTask[]): void {
    const { now, paint, columns, isCluster } = this.#options;
    const context = { now, paint, isPipe: columns === undefined };
    const shown = this.#names.map(columnOf);
    for (const task of tasks) {
      this.#hasQueues ||= task.queue !== "default";
      this.#hasMachines ||= isCluster === undefined && task.machine !== null;
      this.#rows.push(shown.map(({ cell }) => cell(task, context)));
    }
  }

  /** The number of tasks. */
  get size(): number {
    return this.#rows.length;
  }

  lines(): string[] {
    const { chosen, columns } = this.#options;
    const isShown = (name: TaskColumnName) =>
      chosen !== undefined ||
      ((name !== "queue" || this.#hasQueues) && (name !== "machine" || this.#hasMachines));
    const shown = this.#names.flatMap((name, index) =>
      isShown(name) ? [{ column: columnOf(name), index }] : [],
    );
    const rows =
      shown.length === this.#names.length
        ? this.#rows
        : this.#rows.map((row) => shown.map(({ index }) => row[index] ?? ""));
    // Columns that the user chose stay, even if they do not fit.
    return tableLines(
      shown.map(({ column }) => (chosen === undefined ? column : { ...column, dropOrder: 0 })),
      rows,
      columns,
    );
  }
}

/** Returns these tasks as a table. */
export function taskTable(tasks: readonly ListedTask[], options: TableOptions): string[] {
  const table = new TaskTable(options);
  table.add(tasks);
  return table.lines();
}
