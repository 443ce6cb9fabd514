/** What each key does: it makes a new state, and perhaps a request (a wish). */
import { isTerminal } from "../../core/machine.ts";
import { answeringAfter, answeringOf, typed } from "./answering.ts";
import type { Key } from "./full-screen.ts";
import { matchText, nextMatch, searchedFor, searchFrom } from "./log-search.ts";
import { OF_QUEUE, orderNames } from "./task-order.ts";
import { logPage, mostBelow, pageRows } from "./watch-layout.ts";
import {
  arranged,
  chosenTask,
  type Log,
  markedQueue,
  type Pane,
  panes,
  type Size,
  type State,
  topRow,
  type Wish,
} from "./watch-state.ts";

export interface Pressed {
  state: State;
  wish?: Wish;
}

/** Returns the state of the screen after a key. */
export function pressed(before: State, key: Key, size: Size): Pressed {
  if (key.name === "^c") return { state: before, wish: { act: "quit" } };
  const state = { ...before, message: "", doomed: undefined };
  const after = byMode(before, state, key, size);
  return { ...after, state: settled(after.state, size) };
}

/** Scrolls to the marked row, which may be off the screen after the rows or the size have changed. */
export function settled(state: State, size: Size): State {
  const room = pageRows(state, size);
  const taskAt = state.shown.findIndex(({ id }) => id === state.task.marked);
  const queueAt = state.queues.findIndex(({ name }) => name === state.queue.marked);
  return {
    ...state,
    task: { ...state.task, top: topRow(state.task.top, taskAt, state.shown.length, room) },
    queue: { ...state.queue, top: topRow(state.queue.top, queueAt, state.queues.length, room) },
  };
}

function byMode(before: State, state: State, key: Key, size: Size): Pressed {
  if (state.mode === "help") return inHelp(state, key);
  if (state.mode === "filter") return inFilter(state, key, size);
  if (state.mode === "search") return inSearch(state, key, size);
  if (state.mode === "answer") return inAnswer(state, key);
  if (key.name === "q") return { state, wish: { act: "quit" } };
  if (key.name === "escape") return { state: left(state) };
  if (key.text === "?") return { state: { ...state, mode: "help" } };
  if (key.name === "tab") return { state: turned(state, key.isShifted ? -1 : 1) };
  const moved = move(state, key, size);
  if (moved) return { state: moved };
  if (state.pane === "log" && state.log) {
    const looked = onLog(state, state.log, key, size);
    if (looked) return { state: looked };
  }
  if (key.text === "/") return { state: { ...state, pane: "tasks", mode: "filter" } };
  if (state.pane === "queues") return onQueue(state, key);
  if (key.name === "s" && state.pane === "tasks") return { state: reordered(state) };
  return onTask(before, state, key);
}

function inHelp(state: State, { name, text }: Key): Pressed {
  if (name === "q") return { state, wish: { act: "quit" } };
  return {
    state: name === "escape" || name === "return" || text === "?" ? { ...state, mode: "keys" } : state,
  };
}

/** Handles a key in the filter. Each letter narrows the shown tasks at once. */
function inFilter(state: State, key: Key, size: Size): Pressed {
  if (key.name === "escape") return { state: arranged({ ...state, mode: "keys", filter: "" }) };
  if (key.name === "return") return { state: { ...state, mode: "keys" } };
  return { state: move(state, key, size) ?? arranged({ ...state, filter: typed(state.filter, key) }) };
}

/** Handles a key in the search. Each letter shows the newest line that contains the typed text. */
function inSearch(state: State, key: Key, size: Size): Pressed {
  const { log } = state;
  const done: State = { ...state, mode: "keys" };
  if (!log) return { state: done };
  const text = log.search?.text ?? "";
  const isLeft = key.name === "escape" || (key.name === "return" && text === "");
  if (isLeft) return { state: { ...done, log: { ...log, search: undefined } } };
  if (key.name === "return") return { state: searching(done, log) };
  const moved = move(state, key, size);
  return { state: moved ?? searching(state, searchedFor(log, typed(text, key), pageOf(state, size))) };
}

function onLog(state: State, log: Log, { text }: Key, size: Size): State | undefined {
  if (text === "/") return searching({ ...state, mode: "search" }, searchFrom(log));
  if (text !== "n" && text !== "N") return undefined;
  if (!log.search) return { ...state, message: "press / to search" };
  return searching(state, nextMatch(log, text === "N" ? 1 : -1, pageOf(state, size)));
}

function searching(state: State, log: Log): State {
  return { ...state, log, message: matchText(log) };
}

function pageOf(state: State, size: Size) {
  return { rows: logPage(state, size), columns: size.columns };
}

function inAnswer(state: State, key: Key): Pressed {
  const { answering } = state;
  const done: State = { ...state, mode: "keys", answering: undefined };
  if (!answering || key.name === "escape") return { state: done };
  if (key.name !== "return") return { state: { ...state, answering: answeringAfter(answering, key) } };
  return { state: done, wish: { act: "answer", id: answering.id, text: answering.text } };
}

/** Handles Esc, which goes back to all tasks, one step at a time. */
function left(state: State): State {
  if (state.log?.search) return { ...state, log: { ...state.log, search: undefined } };
  if (state.pane !== "tasks") return opened(state, "tasks");
  return arranged({ ...state, filter: "" });
}

function turned(state: State, by: number): State {
  const at = panes.indexOf(state.pane);
  return opened(state, panes[(at + by + panes.length) % panes.length] ?? "tasks");
}

/** Opens a pane; the log pane shows the task that is marked at this moment. */
function opened(state: State, pane: Pane): State {
  const { marked } = state.task;
  const log = pane === "log" && marked !== undefined ? { id: marked, lines: [], below: 0 } : undefined;
  return { ...state, pane, log };
}

function reordered(state: State): State {
  const order = orderNames[(orderNames.indexOf(state.order) + 1) % orderNames.length] ?? "urgency";
  return arranged({ ...state, order });
}

/** Returns by how many rows a key moves; undefined for every other key. */
function stepOf({ name }: Key, page: number, isTyping: boolean): number | undefined {
  if (!isTyping && (name === "k" || name === "j")) return name === "k" ? -1 : 1;
  const all = Number.MAX_SAFE_INTEGER;
  return { up: -1, down: 1, pageup: -page, pagedown: page, home: -all, end: all }[name];
}

function move(state: State, key: Key, size: Size): State | undefined {
  const page = state.pane === "log" ? logPage(state, size) : pageRows(state, size);
  const by = stepOf(key, Math.max(1, page - 1), state.mode !== "keys");
  if (by === undefined) return undefined;
  if (state.pane === "log") {
    const { log } = state;
    const below = log && clamped(log.below - by, mostBelow(log.lines, page, size.columns));
    return log ? { ...state, log: { ...log, below: below ?? 0 } } : state;
  }
  if (state.pane === "queues") {
    const at = state.queues.findIndex(({ name }) => name === state.queue.marked);
    const marked = state.queues[clamped(at + by, state.queues.length - 1)]?.name;
    return { ...state, queue: { ...state.queue, marked } };
  }
  const at = state.shown.findIndex(({ id }) => id === state.task.marked);
  return {
    ...state,
    task: { ...state.task, marked: state.shown[clamped(at + by, state.shown.length - 1)]?.id },
  };
}

function clamped(at: number, last: number): number {
  return Math.max(0, Math.min(at, last));
}

function onQueue(state: State, key: Key): Pressed {
  const queue = markedQueue(state);
  if (!queue) return { state };
  const { name, held } = queue;
  if (key.name === "h") return { state, wish: { act: held ? "release queue" : "hold queue", name } };
  // Show the tasks of the queue by setting the filter.
  if (key.name === "return")
    return { state: arranged({ ...state, pane: "tasks", filter: `${OF_QUEUE}${name}` }) };
  return { state };
}

function onTask(before: State, state: State, key: Key): Pressed {
  const task = chosenTask(state);
  if (!task) return { state };
  const { id } = task;
  switch (key.name) {
    case "return":
    case "l":
      return { state: state.pane === "log" ? state : opened(state, "log") };
    case "p":
      return { state, wish: { act: "pause", id } };
    case "r":
      return { state, wish: { act: "resume", id } };
    case "h":
      return { state, wish: { act: task.held ? "release" : "hold", id } };
    case "c":
      // The second press in a row cancels the task.
      if (before.doomed === id) return { state, wish: { act: "cancel", id } };
      if (isTerminal(task.state)) return { state: { ...state, message: `task ${id} has ended already` } };
      return { state: { ...state, doomed: id, message: `press c again to cancel task ${id}` } };
    case "a": {
      const answering = answeringOf(task);
      if (!answering) return { state: { ...state, message: `task ${id} asks nothing` } };
      return { state: { ...state, mode: "answer", answering } };
    }
    default:
      return { state };
  }
}
