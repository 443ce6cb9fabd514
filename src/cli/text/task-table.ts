import { columnOf, type TaskColumnName } from "./columns.ts";
import type { Paint } from "./paint.ts";
import { type Cell, tableLines } from "./table.ts";
import type { ListedTask } from "./task-text.ts";

/** Where a table of tasks is shown, and which columns it has. */
export interface TableOptions {
  now: number;
  /** How wide the terminal is; undefined in a pipe, where every column is there and nothing is cut. */
  columns: number | undefined;
  paint: Paint;
  /** Other columns than the usual ones. */
  chosen?: readonly TaskColumnName[] | undefined;
  /** Whether machines are shown; undefined where some task is on one. */
  isCluster?: boolean | undefined;
}

const usual: readonly TaskColumnName[] = ["id", "state", "task", "queue", "machine", "age", "ran", "details"];

/** On a narrow screen what a task is and does, rather than a little of everything. */
function columnsFor(columns: number | undefined): readonly TaskColumnName[] {
  if (columns === undefined || columns >= 68) return usual;
  return columns < 48 ? ["id", "state", "task"] : ["id", "state", "task", "details"];
}

/**
 * Tasks as a table, a line each, whose rows are made as the tasks come in. In a terminal it fits, and the queue is shown
 * only where there is more than `default`, and on a narrow one only what a task is and does.
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
    const scene = { now, paint, isPipe: columns === undefined };
    const shown = this.#names.map(columnOf);
    for (const task of tasks) {
      this.#hasQueues ||= task.queue !== "default";
      this.#hasMachines ||= isCluster === undefined && task.machine !== null;
      this.#rows.push(shown.map(({ cell }) => cell(task, scene)));
    }
  }

  /** How many tasks it has. */
  get size(): number {
    return this.#rows.length;
  }

  lines(): string[] {
    const { chosen, columns } = this.#options;
    const isShown = (name: TaskColumnName) =>
      chosen !== undefined ||
      ((name !== "queue" || this.#hasQueues) && (name !== "machine" || this.#hasMachines));
    const shown = this.#names.flatMap((name, at) => (isShown(name) ? [{ column: columnOf(name), at }] : []));
    const rows =
      shown.length === this.#names.length
        ? this.#rows
        : this.#rows.map((row) => shown.map(({ at }) => row[at] ?? ""));
    // What was asked for stays, also where it does not fit.
    return tableLines(
      shown.map(({ column }) => (chosen === undefined ? column : { ...column, leaves: 0 })),
      rows,
      columns,
    );
  }
}

/** These tasks as a table. */
export function taskTable(tasks: readonly ListedTask[], options: TableOptions): string[] {
  const table = new TaskTable(options);
  table.add(tasks);
  return table.lines();
}
