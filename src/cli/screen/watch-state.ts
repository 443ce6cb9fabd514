/** What `watch` shows, as a value. A key makes a new state, and perhaps an action. */
import type { QueueJson, TaskJson } from "../../protocol/methods.ts";
import type { Answering } from "./answering.ts";
import { type OrderName, shownTasks } from "./task-order.ts";

export const panes = ["tasks", "queues", "log"] as const;
export type Pane = (typeof panes)[number];

export interface Size {
  rows: number;
  columns: number;
}

/** The kept lines of a log, from all attempts, and how many of them are below the screen (0 follows the log). */
export interface Log {
  id: number;
  lines: readonly string[];
  below: number;
  /** The text, the line where the search began, and the line of the match that is shown. */
  search?: { text: string; from: number; match: number | undefined } | undefined;
}

/** Which row is marked, and which is the first on the screen. */
interface Cursor<T> {
  marked: T | undefined;
  top: number;
}

export interface State {
  pane: Pane;
  /** All known tasks, in no order. */
  tasks: readonly TaskJson[];
  /** The tasks that match the filter, in their order. */
  shown: readonly TaskJson[];
  queues: readonly QueueJson[];
  task: Cursor<number>;
  queue: Cursor<string>;
  order: OrderName;
  filter: string;
  /** What receives the keys: `keys` means the panes. */
  mode: "keys" | "filter" | "search" | "answer" | "help";
  answering: Answering | undefined;
  log: Log | undefined;
  /** The result of the last key, or why nothing is shown. */
  message: string;
  /** The task for which `c` was pressed once. */
  cancelId: number | undefined;
}

/** A request to the daemon, or to quit. */
export type Action =
  | { act: "pause" | "resume" | "cancel" | "hold" | "release"; id: number }
  | { act: "answer"; id: number; text: string }
  | { act: "hold queue" | "release queue"; name: string }
  | { act: "quit" };

export const emptyState: State = {
  pane: "tasks",
  tasks: [],
  shown: [],
  queues: [],
  task: { marked: undefined, top: 0 },
  queue: { marked: undefined, top: 0 },
  order: "urgency",
  filter: "",
  mode: "keys",
  answering: undefined,
  log: undefined,
  message: "",
  cancelId: undefined,
};

/** Returns the state with these tasks. The mark stays on its task, or on its row if the task is gone. */
export function withTasks(state: State, tasks: readonly TaskJson[]): State {
  return arrange({ ...state, tasks });
}

/** Returns the state with its tasks filtered and sorted. */
export function arrange(state: State): State {
  const shown = shownTasks(state.tasks, state.filter, state.order);
  const { task } = state;
  const isKept = shown.some(({ id }) => id === task.marked);
  const row = Math.max(
    0,
    state.shown.findIndex(({ id }) => id === task.marked),
  );
  const marked = isKept ? task.marked : shown[Math.min(row, shown.length - 1)]?.id;
  return { ...state, shown, task: { ...task, marked } };
}

export function withQueues(state: State, queues: readonly QueueJson[]): State {
  const isKept = queues.some(({ name }) => name === state.queue.marked);
  return { ...state, queues, queue: isKept ? state.queue : { marked: queues[0]?.name, top: 0 } };
}

/** Returns the state with these lines of the log. A log that was scrolled up stays where it is. */
export function withLogLines(state: State, id: number, lines: readonly string[]): State {
  const { log } = state;
  if (log?.id !== id) return state;
  const below = log.below === 0 ? 0 : Math.max(1, log.below + lines.length - log.lines.length);
  return { ...state, log: { ...log, lines, below } };
}

/** Returns the task that the keys apply to: the one whose log is shown, else the marked one. */
export function chosenTask({ pane, tasks, task, log }: State): TaskJson | undefined {
  const chosen = pane === "log" ? log?.id : task.marked;
  return tasks.find(({ id }) => id === chosen);
}

export function markedQueue({ queues, queue }: State): QueueJson | undefined {
  return queues.find(({ name }) => name === queue.marked);
}

/** Returns the first row on the screen, so that the marked row is visible and no room is empty below the last. */
export function topRow(top: number, marked: number, count: number, room: number): number {
  const last = Math.max(0, count - room);
  const minTop = marked - room + 1;
  return Math.min(last, Math.max(0, minTop, Math.min(top, Math.max(0, marked))));
}
