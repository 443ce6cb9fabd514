import { isTerminal, type State } from "../../core/machine.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import type { Paint } from "../text/paint.ts";
import { taskTable } from "../text/task-table.ts";
import { block } from "../text/terminal-text.ts";

/** What `watch` shows. */
export interface View {
  tasks: readonly TaskJson[];
  /** The id of the marked task. */
  marked: number | undefined;
  /** What came of the last key, or why nothing is seen. */
  message: string;
  /** The log that is shown instead of the table. */
  log: { id: number; text: string } | undefined;
  now: number;
}

export interface Size {
  rows: number;
  columns: number;
}

const MARK = "> ";
const KEYS = "up/down select   p pause   r resume   c cancel   l logs   q quit";
const LOG_KEYS = "q back to the tasks";

/** The lines of the screen, as many as it has. */
export function viewLines(view: View, size: Size, paint: Paint): string[] {
  const body = Math.max(1, size.rows - 3);
  const lines = view.log ? logLines(view.log.text, body, size.columns) : taskLines(view, body, size, paint);
  const head = view.log ? `the log of task ${view.log.id}` : summary(view.tasks);
  const fill = Array.from({ length: Math.max(0, body - lines.length) }, () => "");
  return [
    paint.strong(cut(head, size.columns)),
    ...lines.slice(0, body),
    ...fill,
    cut(view.message, size.columns),
    paint.faint(cut(view.log ? LOG_KEYS : KEYS, size.columns)),
  ];
}

function summary(tasks: readonly TaskJson[]): string {
  const counts = new Map<State, number>();
  for (const { state } of tasks) counts.set(state, (counts.get(state) ?? 0) + 1);
  const parts = [...counts].filter(([state]) => !isTerminal(state)).map(([state, n]) => `${n} ${state}`);
  return `agentctl: ${parts.length > 0 ? parts.join(", ") : "no open task"}`;
}

/** The table, scrolled so that the marked task is on it. */
function taskLines({ tasks, marked, now }: View, body: number, size: Size, paint: Paint): string[] {
  if (tasks.length === 0) return ["", "no tasks here; agentctl run <program> submits one"];
  const [header = "", ...rows] = taskTable(tasks, now, size.columns - MARK.length, paint);
  const at = tasks.findIndex(({ id }) => id === marked);
  const room = Math.max(1, body - 1);
  // The newest, unless the marked one stands above them.
  const newest = Math.max(0, rows.length - room);
  const first = at < 0 ? newest : Math.min(newest, at);
  const shown = rows.slice(first, first + room);
  const line = (row: string, index: number) =>
    first + index === at ? `${paint.strong(MARK)}${row}` : `${" ".repeat(MARK.length)}${row}`;
  return [`${" ".repeat(MARK.length)}${header}`, ...shown.map(line)];
}

/** The end of a text, lines that are too long broken. */
export function logLines(text: string, rows: number, columns: number): string[] {
  const lines = block(text.replaceAll("\r\n", "\n")).replaceAll("\t", "    ").replace(/\n$/, "").split("\n");
  const broken = lines.slice(-rows).flatMap((line) => {
    const pieces = line.match(new RegExp(`.{1,${Math.max(1, columns)}}`, "gu"));
    return pieces ?? [""];
  });
  return broken.slice(-rows);
}

function cut(text: string, columns: number): string {
  return text.length > columns ? `${text.slice(0, Math.max(0, columns - 1))}…` : text;
}
