import { formatDuration } from "../../core/time.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import type { Paint } from "./paint.ts";
import { type Cell, type Column, tableLines } from "./table.ts";
import { endText, progressText, standstillOf, titleOf, workOf } from "./task-text.ts";
import { ageText } from "./when.ts";

/**
 * Tasks as a table: a line each. In a terminal it fits, and the queue is shown only where there is more than
 * `default`; in a pipe (`columns` undefined) every column is there and nothing is cut.
 */
export function taskTable(
  tasks: readonly TaskJson[],
  now: number,
  columns: number | undefined,
  paint: Paint,
): string[] {
  const isPipe = columns === undefined;
  const showsQueue = isPipe || tasks.some(({ queue }) => queue !== "default");
  const header: Column[] = [
    { title: "ID", isRight: true },
    { title: "STATE" },
    { title: "TASK", least: 12 },
    ...(showsQueue ? [{ title: "QUEUE", least: 5 }] : []),
    { title: "AGE", isRight: true },
    { title: "RAN", isRight: true },
    { title: "DETAILS", least: 10 },
  ];
  const rows = tasks.map((task): Cell[] => [
    String(task.id),
    { text: task.state, paint: (text) => paint.state(task.state, text) },
    task.name === null ? titleOf(task) : namedWork(task, isPipe),
    ...(showsQueue ? [task.queue] : []),
    ageText(task.createdAt, now),
    task.startedAt === null ? "-" : formatDuration(task.runMs - (task.runMs % 1000)).replace(/^0ms$/, "0s"),
    detailsOf(task, now),
  ]);
  return tableLines(header, rows, columns);
}

function namedWork(task: TaskJson, isPipe: boolean): string {
  return isPipe ? titleOf(task) : `${titleOf(task)}: ${workOf(task)}`;
}

function detailsOf(task: TaskJson, now: number): string {
  const standstill = standstillOf(task, now);
  const parts = [standstill?.why ?? "", endText(task), progressText(task)];
  return parts.filter((part) => part !== "").join("; ");
}
