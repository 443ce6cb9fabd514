/** What `watch` shows, as a value: a key makes another of it, and may wish for something to be done. */
import type { QueueJson, TaskJson } from "../../protocol/methods.ts";
import type { Answering } from "./answering.ts";
import { type OrderName, shownTasks } from "./task-order.ts";

export const panes = ["tasks", "queues", "log"] as const;
export type Pane = (typeof panes)[number];

export interface Size {
  rows: number;
  columns: number;
}

/** A log as far as it is held: the lines of all attempts, and how many of them stand below the screen (0 follows). */
export interface Log {
  id: number;
  lines: readonly string[];
  below: number;
  /** What is looked for, from which line on, and the line of the match that is shown. */
  search?: { text: string; from: number; at: number | undefined } | undefined;
}

/** Which of some rows is marked, and which is the first on the screen. */
interface Place<T> {
  marked: T | undefined;
  top: number;
}

export interface State {
  pane: Pane;
  /** All that are known, in no order. */
  tasks: readonly TaskJson[];
  /** Those that fit the filter, in their order. */
  shown: readonly TaskJson[];
  queues: readonly QueueJson[];
  task: Place<number>;
  queue: Place<string>;
  order: OrderName;
  filter: string;
  /** What takes the keys in the place of the panes. */
  mode: "keys" | "filter" | "search" | "answer" | "help";
  answering: Answering | undefined;
  log: Log | undefined;
  /** What came of the last key, or why nothing is seen. */
  message: string;
  /** The task for which `c` was pressed once. */
  doomed: number | undefined;
}

/** What the screen asks of the daemon. */
export type Wish =
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
  doomed: undefined,
};

/** With what the daemon knows now. The mark stays on its task, or where that is gone on its row. */
export function withTasks(state: State, tasks: readonly TaskJson[]): State {
  return arranged({ ...state, tasks });
}

/** With the tasks filtered and sorted as the state has it. */
export function arranged(state: State): State {
  const shown = shownTasks(state.tasks, state.filter, state.order);
  const { task } = state;
  const stays = shown.some(({ id }) => id === task.marked);
  const row = Math.max(
    0,
    state.shown.findIndex(({ id }) => id === task.marked),
  );
  const marked = stays ? task.marked : shown[Math.min(row, shown.length - 1)]?.id;
  return { ...state, shown, task: { ...task, marked } };
}

export function withQueues(state: State, queues: readonly QueueJson[]): State {
  const stays = queues.some(({ name }) => name === state.queue.marked);
  return { ...state, queues, queue: stays ? state.queue : { marked: queues[0]?.name, top: 0 } };
}

/** With these lines more at the end of the log; who has scrolled away from the end stays where they are. */
export function withLogLines(state: State, id: number, lines: readonly string[]): State {
  const { log } = state;
  if (log?.id !== id) return state;
  const below = log.below === 0 ? 0 : Math.max(1, log.below + lines.length - log.lines.length);
  return { ...state, log: { ...log, lines, below } };
}

/** The task that the keys are for: the one whose log is shown, else the marked one. */
export function chosenTask({ pane, tasks, task, log }: State): TaskJson | undefined {
  const chosen = pane === "log" ? log?.id : task.marked;
  return tasks.find(({ id }) => id === chosen);
}

export function markedQueue({ queues, queue }: State): QueueJson | undefined {
  return queues.find(({ name }) => name === queue.marked);
}

/** The first row on the screen, so that the marked one is on it and no room stays empty below the last. */
export function topRow(top: number, marked: number, count: number, room: number): number {
  const last = Math.max(0, count - room);
  const least = marked - room + 1;
  return Math.min(last, Math.max(0, least, Math.min(top, Math.max(0, marked))));
}
