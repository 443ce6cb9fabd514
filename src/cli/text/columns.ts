/** The columns of a table of tasks: what each shows, and how it sorts. */
import { formatDuration } from "../../core/time.ts";
import { usageText } from "./agent-text.ts";
import { type Paint, plainPaint } from "./paint.ts";
import type { Cell, Column } from "./table.ts";
import {
  endText,
  type ListedTask,
  shortWorkOf,
  standstillOf,
  titleOf,
  type UsualTask,
  workOf,
} from "./task-text.ts";
import { oneLine } from "./terminal-text.ts";
import { ageText, whenText } from "./when.ts";

/** What a cell is made with. `isPipe`: the output goes to a pipe, so nothing is cut or repeated. */
interface CellContext {
  now: number;
  paint: Paint;
  isPipe: boolean;
}

interface TaskColumn extends Column {
  cell: (task: ListedTask, context: CellContext) => Cell;
  /** The value to sort by; null comes last. */
  key: (task: ListedTask) => number | string | null;
}

const timestamp = (iso: string | null) => (iso === null ? null : Date.parse(iso));
const orDash = (text: string | null | undefined) =>
  text === null || text === undefined || text === "" ? "-" : text;
const numberText = (value: number | null) => orDash(value === null ? null : String(value));

const taskColumns = {
  id: { title: "ID", isRight: true, cell: ({ id }) => String(id), key: ({ id }) => id },
  state: {
    title: "STATE",
    cell: ({ state }, { paint }) =>
      paint === plainPaint ? state : { text: state, paint: (text) => paint.state(state, text) },
    key: ({ state }) => state,
  },
  task: {
    title: "TASK",
    minWidth: 16,
    cell: (task, { isPipe }) =>
      task.name === null || isPipe ? titleOf(task) : `${titleOf(task)}: ${shortWorkOf(task)}`,
    key: titleOf,
  },
  name: {
    title: "NAME",
    minWidth: 8,
    cell: ({ name }) => orDash(name && oneLine(name)),
    key: ({ name }) => name,
  },
  work: {
    title: "WORK",
    minWidth: 12,
    cell: (task, { isPipe }) => (isPipe ? workOf(task) : shortWorkOf(task)),
    key: workOf,
  },
  kind: { title: "KIND", cell: ({ kind }) => kind, key: ({ kind }) => kind },
  queue: { title: "QUEUE", minWidth: 7, dropOrder: 3, cell: ({ queue }) => queue, key: ({ queue }) => queue },
  priority: {
    title: "PRIORITY",
    isRight: true,
    cell: ({ priority }) => String(priority),
    key: ({ priority }) => priority,
  },
  labels: {
    title: "LABELS",
    minWidth: 6,
    cell: ({ labels }) => labelsText(labels),
    key: ({ labels }) => labelsText(labels),
  },
  attempt: {
    title: "ATTEMPT",
    isRight: true,
    cell: ({ attempt }) => numberText(attempt),
    key: ({ attempt }) => attempt,
  },
  pid: { title: "PID", isRight: true, cell: ({ pid }) => numberText(pid), key: ({ pid }) => pid },
  machine: {
    title: "MACHINE",
    dropOrder: 2,
    cell: ({ machine }) => orDash(machine),
    key: ({ machine }) => machine,
  },
  cwd: { title: "CWD", minWidth: 8, cell: ({ cwd }) => oneLine(cwd), key: ({ cwd }) => cwd },
  exit: {
    title: "EXIT",
    isRight: true,
    cell: ({ exitCode }) => numberText(exitCode),
    key: ({ exitCode }) => exitCode,
  },
  agent: {
    title: "AGENT",
    cell: ({ agent }) => orDash(agent?.name),
    key: ({ agent }) => agent?.name ?? null,
  },
  tokens: {
    title: "TOKENS",
    isRight: true,
    cell: ({ usage }) => numberText(usage && usage.inputTokens + usage.outputTokens),
    key: ({ usage }) => usage && usage.inputTokens + usage.outputTokens,
  },
  cost: {
    title: "COST",
    isRight: true,
    cell: ({ usage }) => (usage?.costUsd == null ? "-" : `$${usage.costUsd.toFixed(2)}`),
    key: ({ usage }) => usage?.costUsd ?? null,
  },
  progress: {
    title: "PROGRESS",
    minWidth: 8,
    cell: (task, { isPipe }) => orDash(progressText(task, isPipe)),
    key: progressOf,
  },
  age: {
    title: "AGE",
    isRight: true,
    dropOrder: 4,
    cell: ({ createdAt }, { now }) => ageText(createdAt, now),
    // An older task has the greater age.
    key: ({ createdAt }) => -Date.parse(createdAt),
  },
  ran: {
    title: "RAN",
    isRight: true,
    dropOrder: 5,
    cell: ({ startedAt, runMs }) =>
      startedAt === null ? "-" : formatDuration(runMs - (runMs % 1000)).replace(/^0ms$/, "0s"),
    key: ({ startedAt, runMs }) => (startedAt === null ? null : runMs),
  },
  created: whenColumn("CREATED", ({ createdAt }) => createdAt),
  started: whenColumn("STARTED", ({ startedAt }) => startedAt),
  ended: whenColumn("ENDED", ({ endedAt }) => endedAt),
  updated: whenColumn("UPDATED", ({ updatedAt }) => updatedAt),
  details: {
    title: "DETAILS",
    minWidth: 10,
    isCutLast: true,
    dropOrder: 1,
    cell: detailsOf,
    key: ({ updatedAt }) => timestamp(updatedAt),
  },
} as const satisfies Record<string, TaskColumn>;

export type TaskColumnName = keyof typeof taskColumns;

export const columnNames = Object.keys(taskColumns) as TaskColumnName[];

/** Returns a column by its name, with the type that all columns share. */
export function columnOf(name: TaskColumnName): TaskColumn {
  return taskColumns[name];
}

/** Returns the tasks in the order of a column; tasks without a value in it come last. */
export function sorted<T extends ListedTask>(
  tasks: readonly T[],
  { column, isDown }: { column: TaskColumnName; isDown: boolean },
): T[] {
  const { key } = columnOf(column);
  const keyed = tasks.map((task) => ({ task, sortKey: key(task) }));
  const compare = (a: number | string, b: number | string) => {
    if (a === b) return 0;
    return a < b ? -1 : 1;
  };
  return keyed
    .sort((a, b) => {
      if (a.sortKey === null || b.sortKey === null)
        return Number(a.sortKey === null) - Number(b.sortKey === null);
      return isDown ? compare(b.sortKey, a.sortKey) : compare(a.sortKey, b.sortKey);
    })
    .map(({ task }) => task);
}

function whenColumn(title: string, timeOf: (task: ListedTask) => string | null): TaskColumn {
  return {
    title,
    isRight: true,
    cell: (task, { now }) => orDash(timeOf(task) && whenText(timeOf(task) as string, now)),
    key: (task) => timestamp(timeOf(task)),
  };
}

function labelsText(labels: ListedTask["labels"]): string {
  return orDash(
    Object.entries(labels)
      .map(([key, text]) => `${oneLine(key)}=${oneLine(text)}`)
      .join(" "),
  );
}

function progressOf({ progress }: ListedTask): number | null {
  return progress?.total ? progress.done / progress.total : (progress?.done ?? null);
}

function detailsOf(task: ListedTask, { now, isPipe }: CellContext): string {
  const standstill = standstillOf(task, now);
  const usage = task.usage && task.usage.turns > 0 ? usageText(task.usage) : "";
  const parts = [standstill?.why ?? "", endText(task), progressText(task, isPipe), usage];
  return parts.filter((part) => part !== "").join("; ");
}

/** Returns the progress of a task in its own words; on a terminal with a bar. */
export function progressText(task: UsualTask, isPipe = false): string {
  const { progress } = task;
  if (!progress) return "";
  const { done, total, message } = progress;
  const count = total === null ? String(done) : `${isPipe ? "" : `${bar(done, total)} `}${done}/${total}`;
  const remaining = remainingMs(task);
  const parts = [
    count,
    remaining === null ? "" : `~${formatDuration(remaining)} left`,
    message ? oneLine(message) : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

const BAR_CELLS = 8;

/** Returns a bar with its percentage. */
function bar(done: number, total: number): string {
  const share = total > 0 ? Math.min(1, Math.max(0, done / total)) : 1;
  const full = Math.floor(share * BAR_CELLS);
  return `${"█".repeat(full)}${"░".repeat(BAR_CELLS - full)} ${Math.floor(share * 100)}%`;
}

/** Returns how long the rest will take at the same speed, in ms; null if that cannot be known. */
function remainingMs({ state, progress, runMs }: UsualTask): number | null {
  if (state !== "working" || !progress?.total || progress.done <= 0 || progress.done >= progress.total)
    return null;
  const remaining = (runMs / progress.done) * (progress.total - progress.done);
  // Round to seconds, and from one minute on to minutes: more precision would be a guess.
  const unit = remaining < 60_000 ? 1000 : 60_000;
  return Math.max(unit, Math.round(remaining / unit) * unit);
}
