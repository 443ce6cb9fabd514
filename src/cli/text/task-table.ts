import type { TaskJson } from "../../protocol/methods.ts";
import { columnOf, type TaskColumnName } from "./columns.ts";
import type { Paint } from "./paint.ts";
import { tableLines } from "./table.ts";

/**
 * Tasks as a table: a line each. In a terminal it fits, and the queue is shown only where there is more than
 * `default`; in a pipe (`columns` undefined) every column is there and nothing is cut. `chosen` names other columns.
 * Machines are shown in a cluster.
 */
export function taskTable(
  tasks: readonly TaskJson[],
  now: number,
  columns: number | undefined,
  paint: Paint,
  { chosen, isCluster = false }: { chosen?: readonly TaskColumnName[] | undefined; isCluster?: boolean } = {},
): string[] {
  const isPipe = columns === undefined;
  const showsQueue = isPipe || tasks.some(({ queue }) => queue !== "default");
  const usual = [
    "id",
    "state",
    "task",
    ...(showsQueue ? ["queue" as const] : []),
    ...(isCluster ? ["machine" as const] : []),
    "age",
    "ran",
    "details",
  ] as const;
  const shown = (chosen ?? usual).map(columnOf);
  const rows = tasks.map((task) => shown.map(({ cell }) => cell(task, { now, paint, isPipe })));
  return tableLines(shown, rows, columns);
}
