/** Search in a log. A match is a line that contains the text, in upper or lower case. */
import { wrapLine } from "./watch-layout.ts";
import type { Log } from "./watch-state.ts";

/** The size of a log on the screen. */
export interface Page {
  rows: number;
  columns: number;
}

/** Begins a search, when `/` is pressed, at the last line on the screen. */
export function searchFrom(log: Log): Log {
  return { ...log, search: { text: "", from: lastVisible(log), match: undefined } };
}

/** Updates a search after a letter: finds the newest match up to the line where it began, else the newest of all. */
export function updateSearch(log: Log, text: string, page: Page): Log {
  const from = log.search?.from ?? lastVisible(log);
  const index = text === "" ? undefined : nearest(log.lines, text, from + 1, -1);
  return scrollToMatch({ ...log, search: { text, from, match: index } }, page);
}

/** Moves to the next older match (`direction` -1) or the next newer one; after the last it wraps around. */
export function nextMatch(log: Log, direction: -1 | 1, page: Page): Log {
  const { search } = log;
  if (!search || search.text === "") return log;
  const index = nearest(log.lines, search.text, search.match ?? lastVisible(log), direction);
  return scrollToMatch({ ...log, search: { ...search, match: index } }, page);
}

/** Returns which match is shown, of how many. */
export function matchText({ lines, search }: Log): string {
  if (!search || search.text === "") return "";
  const { text, match: index } = search;
  const matches = lines.flatMap((line, n) => (contains(line, text) ? [n] : []));
  if (index === undefined || matches.length === 0) return `no line here has "${text}"`;
  return `match ${matches.indexOf(index) + 1} of ${matches.length} for "${text}"`;
}

/** Returns a row of the log with all matches painted. */
export function highlight(row: string, text: string, paint: (text: string) => string): string {
  const [lowered, word] = [row.toLowerCase(), text.toLowerCase()];
  // A letter whose lower case is longer would shift the positions after it.
  if (word === "" || lowered.length !== row.length) return row;
  let [painted, from] = ["", 0];
  for (let index = lowered.indexOf(word); index >= 0; index = lowered.indexOf(word, from)) {
    painted += row.slice(from, index) + paint(row.slice(index, index + word.length));
    from = index + word.length;
  }
  return painted + row.slice(from);
}

function contains(line: string, text: string): boolean {
  return line.toLowerCase().includes(text.toLowerCase());
}

function lastVisible({ lines, below }: Log): number {
  return lines.length - 1 - below;
}

/** Returns the first line with the text in this direction, `from` itself last; wraps around at the end. */
function nearest(
  lines: readonly string[],
  text: string,
  from: number,
  direction: -1 | 1,
): number | undefined {
  const count = lines.length;
  for (let step = 1; step <= count; step++) {
    const index = (((from + direction * step) % count) + count) % count;
    if (contains(lines[index] ?? "", text)) return index;
  }
  return undefined;
}

/** Scrolls so that the match is in the middle; if it is not on the last page, the log is no longer followed. */
function scrollToMatch(log: Log, { rows, columns }: Page): Log {
  const { lines, search } = log;
  if (search?.match === undefined) return log;
  let end = search.match + 1;
  for (let usedRows = 0; end < lines.length; end++) {
    usedRows += wrapLine(lines[end] ?? "", columns).length;
    if (usedRows > rows / 2) break;
  }
  return { ...log, below: lines.length - end };
}
