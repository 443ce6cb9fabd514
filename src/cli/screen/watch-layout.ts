/** How the rows of the screen are divided, and the lines below its body. */
import { isTerminal } from "../../core/machine.ts";
import { type Paint, plainPaint } from "../text/paint.ts";
import { fitted, textWidth } from "../text/table.ts";
import { endText, standstillOf } from "../text/task-text.ts";
import { block, oneLine } from "../text/terminal-text.ts";
import { chosenTask, markedQueue, type Size, type State } from "./watch-state.ts";

const GAP = "  ";
/** The most lines that a question takes. */
const QUESTION_LINES = 3;

/** Returns how many rows of a table fit: all but the title, the header and the lines below. */
export function pageRows(state: State, size: Size): number {
  return Math.max(1, logPage(state, size) - 1);
}

/** Returns how many lines of a log fit. */
export function logPage(state: State, size: Size): number {
  return Math.max(1, size.rows - 1 - bottomLines(state, size, 0, plainPaint).length);
}

/** Returns how many lines a log can be scrolled up from its end, until its first line is at the top. */
export function maxScroll(lines: readonly string[], rows: number, columns: number): number {
  let usedRows = 0;
  let count = 0;
  while (count < lines.length && usedRows < rows) usedRows += wrapLine(lines[count++] ?? "", columns).length;
  return lines.length - count;
}

/** Breaks a line of a log at the edge of the screen. */
export function wrapLine(text: string, columns: number): string[] {
  if (textWidth(text) <= columns) return [text];
  const lines: string[] = [];
  let [line, width] = ["", 0];
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    const wide = textWidth(segment);
    if (width + wide > columns && line !== "") {
      lines.push(line);
      [line, width] = ["", 0];
    }
    line += segment;
    width += wide;
  }
  return [...lines, line];
}

/** Returns the full reason why the marked task does not move: its row may have no room for it. */
function standstillText(state: State, now: number): string {
  const task = state.pane === "tasks" ? chosenTask(state) : undefined;
  if (!task) return "";
  const why = standstillOf(task, now)?.why || endText(task);
  return why === "" ? "" : `task ${task.id} ${why}`;
}

/** Returns the lines below the body: what is typed or reported, and the keys that work now. */
export function bottomLines(state: State, size: Size, now: number, paint: Paint): string[] {
  const { columns } = size;
  if (state.mode === "answer") return answerLines(state, size, paint);
  if (state.mode === "filter") return inputLines(`/${state.filter}_`, "all tasks", size, paint);
  if (state.mode === "search") {
    const input = `/${state.log?.search?.text ?? ""}_`;
    return inputLines(state.message ? `${input}  ${state.message}` : input, "end the search", size, paint);
  }
  if (state.mode === "help")
    return [
      "",
      keysLine(
        [
          ["Esc", "back"],
          ["q", "quit"],
        ],
        columns,
        paint,
      ),
    ];
  return [
    fitted(oneLine(state.message || standstillText(state, now)), columns),
    keysLine(keysOf(state), columns, paint),
  ];
}

/** Returns the line that is typed after a `/`, and its keys. */
function inputLines(line: string, onEscape: string, { columns }: Size, paint: Paint): string[] {
  const keys: Keys = [
    ["Enter", "keep"],
    ["Esc", onEscape],
  ];
  return [fittedEnd(line, columns), keysLine(keys, columns, paint)];
}

function answerLines({ answering }: State, { columns }: Size, paint: Paint): string[] {
  const { id = 0, prompt = "", choices = [], text = "" } = answering ?? {};
  const question = block(`task ${id} asks: ${prompt}`).replaceAll("\t", " ");
  const all = question.split("\n").flatMap((line) => wrapLine(line, columns));
  const lines = all.slice(0, QUESTION_LINES);
  if (all.length > lines.length)
    lines[lines.length - 1] = fitted(`${lines.at(-1)}${" ".repeat(columns)}.`, columns);
  if (choices.length === 0) {
    const keys: Keys = [
      ["Enter", "answer"],
      ["Esc", "back"],
    ];
    return [...lines, fittedEnd(`> ${oneLine(text)}_`, columns), keysLine(keys, columns, paint)];
  }
  const labels = choices.map((choice, index) => {
    const label = fitted(`${index + 1} ${oneLine(choice)}`, columns - 2);
    return choice === text ? `[${label}]` : ` ${label} `;
  });
  const keys: Keys = [
    ["Enter", "answer"],
    ["Esc", "back"],
    ["arrows or digits", "choose"],
  ];
  return [...lines, ...flow(labels, columns), keysLine(keys, columns, paint)];
}

/** Puts pieces side by side, in as many lines as they need. */
function flow(pieces: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  for (const piece of pieces) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(last) + 1 + textWidth(piece) <= columns)
      lines[lines.length - 1] = `${last} ${piece}`;
    else lines.push(piece);
  }
  return lines;
}

type Keys = (readonly [key: string, effect: string])[];

/** Returns the keys that work now, the most important first, because a narrow screen shows only the first. */
function keysOf(state: State): Keys {
  const { pane } = state;
  const always: Keys = [
    ["q", "quit"],
    ["?", "help"],
  ];
  const next = { tasks: "queues", queues: "log", log: "tasks" }[pane];
  const tab = ["Tab", next] as const;
  if (pane === "queues") {
    const queue = markedQueue(state);
    return [
      ...always,
      tab,
      ...(queue
        ? ([
            ["h", queue.held ? "release" : "hold"],
            ["Enter", "its tasks"],
          ] as Keys)
        : []),
    ];
  }
  const filter = ["/", "filter"] as const;
  const sort = ["s", "sort"] as const;
  if (pane === "log") {
    const isSearching = state.log?.search !== undefined;
    const search: Keys = isSearching
      ? [
          ["n", "older"],
          ["N", "newer"],
        ]
      : [["/", "search"]];
    const leave = ["Esc", isSearching ? "end the search" : "tasks"] as const;
    return [...always, leave, ...taskKeys(state), ...search, ["End", "follow"], tab];
  }
  return [...always, ...taskKeys(state), ["Enter", "log"], filter, tab, sort];
}

function taskKeys(state: State): Keys {
  const task = chosenTask(state);
  if (!task || isTerminal(task.state)) return [];
  const keys: Keys = [];
  if (task.state === "input-required") keys.push(["a", "answer"]);
  if (task.state === "working") keys.push(["p", "pause"]);
  if (task.state === "suspended") keys.push(["r", "resume"]);
  keys.push(["c", "cancel"]);
  if (task.state !== "working") keys.push(["h", task.held ? "release" : "hold"]);
  return keys;
}

/** Returns as many of the keys as fit, none of them cut. */
function keysLine(keys: Keys, columns: number, paint: Paint): string {
  let width = -GAP.length;
  const parts: string[] = [];
  for (const [key, effect] of keys) {
    width += GAP.length + key.length + 1 + effect.length;
    if (width > columns) break;
    parts.push(`${paint.strong(key)} ${paint.faint(effect)}`);
  }
  return parts.join(GAP);
}

/** Returns the end of a line that is being typed, where the cursor is. */
function fittedEnd(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  return `…${wrapLine([...text].reverse().join(""), columns - 1)[0] ?? ""}`.replace(
    /^…(.*)$/su,
    (_, rest: string) => `…${[...rest].reverse().join("")}`,
  );
}
