/** What each key does: it makes a new state, and perhaps an action. */
import { isTerminal } from "../../core/machine.ts";
import { answeringAfter, answeringOf, editText } from "./answering.ts";
import type { Key } from "./full-screen.ts";
import { matchText, nextMatch, searchFrom, updateSearch } from "./log-search.ts";
import { orderNames, QUEUE_PREFIX } from "./task-order.ts";
import { logPage, maxScroll, pageRows } from "./watch-layout.ts";
import {
  type Action,
  arrange,
  chosenTask,
  type Log,
  markedQueue,
  type Pane,
  panes,
  type Size,
  type State,
  topRow,
} from "./watch-state.ts";

export interface KeyResult {
  state: State;
  action?: Action;
}

/** Returns the state of the screen after a key. */
export function handleKey(before: State, key: Key, size: Size): KeyResult {
  if (key.name === "^c") return { state: before, action: { act: "quit" } };
  const state = { ...before, message: "", doomed: undefined };
  const after = handleByMode(before, state, key, size);
  return { ...after, state: scrollToMark(after.state, size) };
}

/** Scrolls to the marked row, which may be off the screen after the rows or the size have changed. */
export function scrollToMark(state: State, size: Size): State {
  const room = pageRows(state, size);
  const taskIndex = state.shown.findIndex(({ id }) => id === state.task.marked);
  const queueIndex = state.queues.findIndex(({ name }) => name === state.queue.marked);
  return {
    ...state,
    task: { ...state.task, top: topRow(state.task.top, taskIndex, state.shown.length, room) },
    queue: { ...state.queue, top: topRow(state.queue.top, queueIndex, state.queues.length, room) },
  };
}

function handleByMode(before: State, state: State, key: Key, size: Size): KeyResult {
  if (state.mode === "help") return handleHelpKey(state, key);
  if (state.mode === "filter") return handleFilterKey(state, key, size);
  if (state.mode === "search") return handleSearchKey(state, key, size);
  if (state.mode === "answer") return handleAnswerKey(state, key);
  if (key.name === "q") return { state, action: { act: "quit" } };
  if (key.name === "escape") return { state: goBack(state) };
  if (key.text === "?") return { state: { ...state, mode: "help" } };
  if (key.name === "tab") return { state: switchPane(state, key.isShifted ? -1 : 1) };
  const moved = move(state, key, size);
  if (moved) return { state: moved };
  if (state.pane === "log" && state.log) {
    const searched = handleLogKey(state, state.log, key, size);
    if (searched) return { state: searched };
  }
  if (key.text === "/") return { state: { ...state, pane: "tasks", mode: "filter" } };
  if (state.pane === "queues") return handleQueueKey(state, key);
  if (key.name === "s" && state.pane === "tasks") return { state: nextOrder(state) };
  return handleTaskKey(before, state, key);
}

function handleHelpKey(state: State, { name, text }: Key): KeyResult {
  if (name === "q") return { state, action: { act: "quit" } };
  return {
    state: name === "escape" || name === "return" || text === "?" ? { ...state, mode: "keys" } : state,
  };
}

/** Handles a key in the filter. Each letter narrows the shown tasks at once. */
function handleFilterKey(state: State, key: Key, size: Size): KeyResult {
  if (key.name === "escape") return { state: arrange({ ...state, mode: "keys", filter: "" }) };
  if (key.name === "return") return { state: { ...state, mode: "keys" } };
  return { state: move(state, key, size) ?? arrange({ ...state, filter: editText(state.filter, key) }) };
}

/** Handles a key in the search. Each letter shows the newest line that contains the typed text. */
function handleSearchKey(state: State, key: Key, size: Size): KeyResult {
  const { log } = state;
  const done: State = { ...state, mode: "keys" };
  if (!log) return { state: done };
  const text = log.search?.text ?? "";
  const isCanceled = key.name === "escape" || (key.name === "return" && text === "");
  if (isCanceled) return { state: { ...done, log: { ...log, search: undefined } } };
  if (key.name === "return") return { state: withSearch(done, log) };
  const moved = move(state, key, size);
  return { state: moved ?? withSearch(state, updateSearch(log, editText(text, key), pageOf(state, size))) };
}

function handleLogKey(state: State, log: Log, { text }: Key, size: Size): State | undefined {
  if (text === "/") return withSearch({ ...state, mode: "search" }, searchFrom(log));
  if (text !== "n" && text !== "N") return undefined;
  if (!log.search) return { ...state, message: "press / to search" };
  return withSearch(state, nextMatch(log, text === "N" ? 1 : -1, pageOf(state, size)));
}

function withSearch(state: State, log: Log): State {
  return { ...state, log, message: matchText(log) };
}

function pageOf(state: State, size: Size) {
  return { rows: logPage(state, size), columns: size.columns };
}

function handleAnswerKey(state: State, key: Key): KeyResult {
  const { answering } = state;
  const done: State = { ...state, mode: "keys", answering: undefined };
  if (!answering || key.name === "escape") return { state: done };
  if (key.name !== "return") return { state: { ...state, answering: answeringAfter(answering, key) } };
  return { state: done, action: { act: "answer", id: answering.id, text: answering.text } };
}

/** Handles Esc, which goes back to all tasks, one step at a time. */
function goBack(state: State): State {
  if (state.log?.search) return { ...state, log: { ...state.log, search: undefined } };
  if (state.pane !== "tasks") return openPane(state, "tasks");
  return arrange({ ...state, filter: "" });
}

function switchPane(state: State, step: number): State {
  const index = panes.indexOf(state.pane);
  return openPane(state, panes[(index + step + panes.length) % panes.length] ?? "tasks");
}

/** Opens a pane; the log pane shows the task that is marked at this moment. */
function openPane(state: State, pane: Pane): State {
  const { marked } = state.task;
  const log = pane === "log" && marked !== undefined ? { id: marked, lines: [], below: 0 } : undefined;
  return { ...state, pane, log };
}

function nextOrder(state: State): State {
  const order = orderNames[(orderNames.indexOf(state.order) + 1) % orderNames.length] ?? "urgency";
  return arrange({ ...state, order });
}

/** Returns by how many rows a key moves; undefined for every other key. */
function stepOf({ name }: Key, page: number, isTyping: boolean): number | undefined {
  if (!isTyping && (name === "k" || name === "j")) return name === "k" ? -1 : 1;
  const all = Number.MAX_SAFE_INTEGER;
  return { up: -1, down: 1, pageup: -page, pagedown: page, home: -all, end: all }[name];
}

function move(state: State, key: Key, size: Size): State | undefined {
  const page = state.pane === "log" ? logPage(state, size) : pageRows(state, size);
  const step = stepOf(key, Math.max(1, page - 1), state.mode !== "keys");
  if (step === undefined) return undefined;
  if (state.pane === "log") {
    const { log } = state;
    const below = log && clamp(log.below - step, maxScroll(log.lines, page, size.columns));
    return log ? { ...state, log: { ...log, below: below ?? 0 } } : state;
  }
  if (state.pane === "queues") {
    const index = state.queues.findIndex(({ name }) => name === state.queue.marked);
    const marked = state.queues[clamp(index + step, state.queues.length - 1)]?.name;
    return { ...state, queue: { ...state.queue, marked } };
  }
  const index = state.shown.findIndex(({ id }) => id === state.task.marked);
  return {
    ...state,
    task: { ...state.task, marked: state.shown[clamp(index + step, state.shown.length - 1)]?.id },
  };
}

function clamp(index: number, last: number): number {
  return Math.max(0, Math.min(index, last));
}

function handleQueueKey(state: State, key: Key): KeyResult {
  const queue = markedQueue(state);
  if (!queue) return { state };
  const { name, held } = queue;
  if (key.name === "h") return { state, action: { act: held ? "release queue" : "hold queue", name } };
  // Show the tasks of the queue by setting the filter.
  if (key.name === "return")
    return { state: arrange({ ...state, pane: "tasks", filter: `${QUEUE_PREFIX}${name}` }) };
  return { state };
}

function handleTaskKey(before: State, state: State, key: Key): KeyResult {
  const task = chosenTask(state);
  if (!task) return { state };
  const { id } = task;
  switch (key.name) {
    case "return":
    case "l":
      return { state: state.pane === "log" ? state : openPane(state, "log") };
    case "p":
      return { state, action: { act: "pause", id } };
    case "r":
      return { state, action: { act: "resume", id } };
    case "h":
      return { state, action: { act: task.held ? "release" : "hold", id } };
    case "c":
      // The second press in a row cancels the task.
      if (before.cancelId === id) return { state, action: { act: "cancel", id } };
      if (isTerminal(task.state)) return { state: { ...state, message: `task ${id} has ended already` } };
      return { state: { ...state, cancelId: id, message: `press c again to cancel task ${id}` } };
    case "a": {
      const answering = answeringOf(task);
      if (!answering) return { state: { ...state, message: `task ${id} asks nothing` } };
      return { state: { ...state, mode: "answer", answering } };
    }
    default:
      return { state };
  }
}
