/** Search in a log. A match is a line that contains the text, in upper or lower case. */
import { wrapped } from "./watch-layout.ts";
import type { Log } from "./watch-state.ts";

/** The size of a log on the screen. */
export interface Page {
  rows: number;
  columns: number;
}

/** Begins a search, when `/` is pressed, at the last line on the screen. */
export function searchFrom(log: Log): Log {
  return { ...log, search: { text: "", from: lastShown(log), at: undefined } };
}

/** Updates a search after a letter: finds the newest match up to the line where it began, else the newest of all. */
export function searchedFor(log: Log, text: string, page: Page): Log {
  const from = log.search?.from ?? lastShown(log);
  const at = text === "" ? undefined : nearest(log.lines, text, from + 1, -1);
  return shownAt({ ...log, search: { text, from, at } }, page);
}

/** Moves to the next older match (`by` -1) or the next newer one; after the last it wraps around. */
export function nextMatch(log: Log, by: -1 | 1, page: Page): Log {
  const { search } = log;
  if (!search || search.text === "") return log;
  const at = nearest(log.lines, search.text, search.at ?? lastShown(log), by);
  return shownAt({ ...log, search: { ...search, at } }, page);
}

/** Returns which match is shown, of how many. */
export function matchText({ lines, search }: Log): string {
  if (!search || search.text === "") return "";
  const { text, at } = search;
  const matches = lines.flatMap((line, n) => (has(line, text) ? [n] : []));
  if (at === undefined || matches.length === 0) return `no line here has "${text}"`;
  return `match ${matches.indexOf(at) + 1} of ${matches.length} for "${text}"`;
}

/** Returns a row of the log with all matches painted. */
export function withFound(row: string, text: string, found: (text: string) => string): string {
  const [low, word] = [row.toLowerCase(), text.toLowerCase()];
  // A letter whose lower case is longer would shift the positions after it.
  if (word === "" || low.length !== row.length) return row;
  let [painted, from] = ["", 0];
  for (let at = low.indexOf(word); at >= 0; at = low.indexOf(word, from)) {
    painted += row.slice(from, at) + found(row.slice(at, at + word.length));
    from = at + word.length;
  }
  return painted + row.slice(from);
}

function has(line: string, text: string): boolean {
  return line.toLowerCase().includes(text.toLowerCase());
}

function lastShown({ lines, below }: Log): number {
  return lines.length - 1 - below;
}

/** Returns the first line with the text in this direction, `from` itself last; wraps around at the end. */
function nearest(lines: readonly string[], text: string, from: number, by: -1 | 1): number | undefined {
  const count = lines.length;
  for (let step = 1; step <= count; step++) {
    const at = (((from + by * step) % count) + count) % count;
    if (has(lines[at] ?? "", text)) return at;
  }
  return undefined;
}

/** Scrolls so that the match is in the middle; if it is not on the last page, the log is no longer followed. */
function shownAt(log: Log, { rows, columns }: Page): Log {
  const { lines, search } = log;
  if (search?.at === undefined) return log;
  let end = search.at + 1;
  for (let taken = 0; end < lines.length; end++) {
    taken += wrapped(lines[end] ?? "", columns).length;
    if (taken > rows / 2) break;
  }
  return { ...log, below: lines.length - end };
}
