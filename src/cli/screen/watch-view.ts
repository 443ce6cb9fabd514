/** Draws a state of `watch` as lines. */
import { stripVTControlCharacters } from "node:util";
import { isTerminal, type State as TaskState } from "../../core/machine.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import type { Paint } from "../text/paint.ts";
import { queueTable } from "../text/queue-table.ts";
import { fitted, textWidth } from "../text/table.ts";
import { taskTable } from "../text/task-table.ts";
import { block } from "../text/terminal-text.ts";
import { highlight } from "./log-search.ts";
import { needsPerson } from "./task-order.ts";
import { helpLines } from "./watch-help.ts";
import { bottomLines, logPage, pageRows, wrapLine } from "./watch-layout.ts";
import { chosenTask, type Log, type Size, type State } from "./watch-state.ts";

const MARGIN = 2;

/** Returns the lines of the screen, as many as it has. Makes only the visible rows. */
export function viewLines(state: State, size: Size, now: number, paint: Paint): string[] {
  const bottom = bottomLines(state, size, now, paint);
  const body = Math.max(0, size.rows - 1 - bottom.length);
  const lines = bodyLines(state, size, now, paint)
    .slice(0, body)
    .map((line) => clip(line, size.columns));
  const fill = Array.from({ length: body - lines.length }, () => "");
  return [titleLine(state, size, paint), ...lines, ...fill, ...bottom].slice(0, size.rows);
}

function bodyLines(state: State, size: Size, now: number, paint: Paint): string[] {
  if (state.mode === "help") return helpLines(size.columns, logPage(state, size));
  if (state.pane === "log") return logLines(state, size, paint);
  if (state.pane === "queues") return queueLines(state, size, now, paint);
  return taskLines(state, size, now, paint);
}

/** Cuts a row whose columns cannot be narrow enough; it then loses its colours. */
function clip(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return textWidth(plain) <= columns ? line : fitted(plain, columns);
}

/** Returns the title: the open tasks on the left and, if there is room, what is shown on the right. */
function titleLine(state: State, { columns }: Size, paint: Paint): string {
  const left = fitted(`agentctl: ${summary(state.tasks)}`, columns);
  const right = fitted(viewText(state), Math.max(0, columns - textWidth(left) - 2));
  const space = " ".repeat(Math.max(0, columns - textWidth(left) - textWidth(right)));
  return right.length < 8 ? paint.strong(left) : `${paint.strong(left)}${space}${paint.faint(right)}`;
}

function viewText({ pane, order, filter, shown, tasks, log }: State): string {
  if (pane === "queues") return "queues";
  if (pane === "log") return log ? `log of task ${log.id}${log.below > 0 ? ", not following" : ""}` : "log";
  const matchCount = filter === "" ? "" : `${shown.length} of ${tasks.length} with "${filter}", `;
  return `${matchCount}by ${order}`;
}

function summary(tasks: readonly TaskJson[]): string {
  const counts = new Map<TaskState, number>();
  let needyCount = 0;
  for (const task of tasks) {
    if (needsPerson(task)) needyCount += 1;
    else if (!isTerminal(task.state)) counts.set(task.state, (counts.get(task.state) ?? 0) + 1);
  }
  const order: TaskState[] = ["working", "suspended", "resumed", "submitted"];
  const parts = order.filter((state) => counts.has(state)).map((state) => `${counts.get(state)} ${state}`);
  const needs = needyCount === 0 ? [] : [`${needyCount} ${needyCount === 1 ? "needs" : "need"} you`];
  return [...needs, ...parts].join(", ") || "no open task";
}

function taskLines(state: State, size: Size, now: number, paint: Paint): string[] {
  const { shown, task, filter } = state;
  if (shown.length === 0) {
    return [
      "",
      filter === ""
        ? "no tasks here; agentctl run <program> submits one"
        : "no task fits the filter; Esc shows all",
    ];
  }
  const rows = shown.slice(task.top, task.top + pageRows(state, size));
  const [header = "", ...lines] = taskTable(rows, {
    now,
    columns: size.columns - MARGIN,
    paint,
    isCluster: false,
  });
  const marks = rows.map((row) => ({ isMarked: row.id === task.marked, isNeedy: needsPerson(row) }));
  return withMarks(header, lines, marks, paint);
}

function queueLines(state: State, size: Size, now: number, paint: Paint): string[] {
  const { queues, queue } = state;
  const rows = queues.slice(queue.top, queue.top + pageRows(state, size));
  const [header = "", ...lines] = queueTable(rows, now, size.columns - MARGIN);
  const marks = rows.map(({ name, held }) => ({ isMarked: name === queue.marked, isNeedy: held }));
  return withMarks(header, lines, marks, paint);
}

/** Adds a margin: `>` for the marked row, `!` for a task that needs a person, or a held queue. */
function withMarks(
  header: string,
  lines: readonly string[],
  marks: readonly { isMarked: boolean; isNeedy: boolean }[],
  paint: Paint,
): string[] {
  const margins = marks.map(({ isMarked, isNeedy }) => {
    const mark = isMarked ? paint.strong(">") : " ";
    return `${mark}${isNeedy ? paint.bad("!") : " "}`;
  });
  return [
    paint.faint(`${" ".repeat(MARGIN)}${header}`),
    ...lines.map((line, index) => `${margins[index]}${line}`),
  ];
}

function logLines(state: State, size: Size, paint: Paint): string[] {
  const { log } = state;
  if (!log) return ["", "no task is marked"];
  if (log.lines.length === 0) return ["", paint.faint(emptyLogText(state))];
  const { text = "" } = log.search ?? {};
  return logRows(log, logPage(state, size), size.columns).map((row) => highlight(row, text, paint.found));
}

function emptyLogText(state: State): string {
  const task = chosenTask(state);
  if (!task || !isTerminal(task.state)) return "there is no output yet";
  return task.startedAt === null ? "it ended before it was started" : "it printed nothing";
}

/** Returns the visible rows of a log: up to its end, or up to where it was scrolled to. */
export function logRows(
  { lines, below }: Pick<Log, "lines" | "below">,
  rows: number,
  columns: number,
): string[] {
  const end = lines.length - below;
  const visible: string[] = [];
  for (let index = end - 1; index >= 0 && visible.length < rows; index--)
    visible.unshift(...wrapLine(lines[index] ?? "", columns));
  const isTop = visible.length >= rows && lines.length > 0 && firstVisible(lines, end, rows, columns) === 0;
  return isTop && below > 0 ? visible.slice(0, rows) : visible.slice(-rows);
}

/** Returns the first of the lines before `end` that is on the screen. */
function firstVisible(lines: readonly string[], end: number, rows: number, columns: number): number {
  let index = end;
  for (let usedRows = 0; index > 0 && usedRows < rows; )
    usedRows += wrapLine(lines[--index] ?? "", columns).length;
  return index;
}

/** Returns output as a terminal may show it: no colours or cursor movements, only what follows its last "\r". */
export function logLine(text: string): string {
  const plain = stripVTControlCharacters(text.replace(/\r+$/, ""));
  return block(plain.slice(plain.lastIndexOf("\r") + 1)).replaceAll("\t", "    ");
}
