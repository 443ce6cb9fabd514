import stringWidth from "string-width";

/** One column: how narrow it may get, and on which side its text is aligned. */
export interface Column {
  title: string;
  /** The least width; undefined for a column that is never cut. */
  minWidth?: number;
  isRight?: boolean;
  /** All other columns shrink before this one. */
  isCutLast?: boolean;
  /** If not even the least widths fit, columns with a number are left out, the highest number first. */
  dropOrder?: number;
}

/** Text, or text with a colour that is applied after the text was fitted. */
export type Cell = string | { text: string; paint: (text: string) => string };

type Row = readonly Cell[];

const GAP = 2;
/** Without a limit, a cell longer than this does not widen its column but overflows in its own row. */
const MAX_CELL_WIDTH = 60;

/**
 * Returns the rows as lines of at most `limit` columns; without a limit nothing is cut. Every row has as many cells as
 * there are columns.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly Row[],
  limit: number | undefined,
): string[] {
  const all = [columns.map(({ title }) => title), ...rows];
  const measured = columns.map((_, index) => widthsIn(all, index));
  const columnWidths = measured.map(summarize);
  const indexes =
    limit === undefined ? columns.map((_, index) => index) : fittingColumns(columns, columnWidths, limit);
  const shown = indexes.map((index) => columns[index] as Column);
  const natural = indexes.map((index) => columnWidths[index] as Widths);
  const widths =
    limit === undefined ? natural.map(({ usual }) => usual) : fittedWidths(shown, natural, limit);
  return all.map((row, line) => {
    let text = "";
    // Spaces to write before the next cell, if one follows.
    let gap = 0;
    for (const [index, source] of indexes.entries()) {
      const width = widths[index] as number;
      const cell = row[source] ?? "";
      let part = textOf(cell);
      let partWidth = measured[source]?.[line] as number;
      if (limit !== undefined && partWidth > width) {
        part = fitted(part, width);
        partWidth = textWidth(part);
      }
      const space = Math.max(0, width - partWidth);
      const isRight = columns[source]?.isRight === true;
      if (isRight) gap += space;
      if (part !== "") {
        text += " ".repeat(gap) + (typeof cell === "string" ? part : cell.paint(part));
        gap = 0;
      }
      gap += isRight ? GAP : space + GAP;
    }
    return text.trimEnd();
  });
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

/** Returns the widths of a column's cells. Rows are often alike, and comparing a text is faster than measuring it. */
function widthsIn(rows: readonly Row[], index: number): Uint32Array {
  let last = "";
  let width = 0;
  return Uint32Array.from(rows, (row) => {
    const text = textOf(row[index] ?? "");
    if (text !== last) {
      last = text;
      width = textWidth(text);
    }
    return width;
  });
}

/** The width of a column's widest cell, and of its widest cell up to `MAX_CELL_WIDTH`. */
interface Widths {
  max: number;
  usual: number;
}

function summarize(widths: Uint32Array): Widths {
  let [max, usual] = [1, 1];
  for (const width of widths) {
    max = Math.max(max, width);
    if (width <= MAX_CELL_WIDTH) usual = Math.max(usual, width);
  }
  return { max, usual };
}

/** Returns the indexes of the columns that fit at their least widths. */
function fittingColumns(columns: readonly Column[], widths: readonly Widths[], limit: number): number[] {
  const minWidths = columns.map(({ minWidth = Number.POSITIVE_INFINITY }, index) =>
    Math.min(minWidth, widths[index]?.max ?? 0),
  );
  let indexes = columns.map((_, index) => index);
  const rankOf = (index: number) => columns[index]?.dropOrder ?? 0;
  while (total(indexes.map((index) => minWidths[index] ?? 0)) > limit) {
    const dropped = indexes.toSorted((a, b) => rankOf(b) - rankOf(a))[0];
    if (dropped === undefined || rankOf(dropped) === 0) break;
    indexes = indexes.filter((index) => index !== dropped);
  }
  return indexes;
}

/** Returns widths that fit. The widest column that may shrink gives way first, `isCutLast` columns last. */
function fittedWidths(columns: readonly Column[], natural: readonly Widths[], limit: number): number[] {
  const widths = natural.map(({ max }) => max);
  for (let excess = total(widths) - limit; excess > 0; excess--) {
    const [target] = columns
      .map(({ minWidth = Number.POSITIVE_INFINITY, isCutLast = false }, index) => ({
        index,
        minWidth,
        isCutLast,
      }))
      .filter(({ index, minWidth }) => (widths[index] ?? 0) > minWidth)
      .sort(
        (a, b) =>
          Number(a.isCutLast) - Number(b.isCutLast) || (widths[b.index] ?? 0) - (widths[a.index] ?? 0),
      );
    if (!target) break;
    widths[target.index] = (widths[target.index] ?? 1) - 1;
  }
  return widths;
}

/** Returns the width of a line with cells of these widths. */
function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, -GAP);
}

/** Cuts a text to at most `width` cells of a terminal, with an ellipsis if something is missing. */
export function fitted(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (isNarrow(text)) return `${text.slice(0, Math.max(0, width - 1)).trimEnd()}…`;
  let result = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (textWidth(result + segment) > width - 1) break;
    result += segment;
  }
  return `${result.trimEnd()}…`;
}

/** Returns how many cells of a terminal a text takes. */
export function textWidth(text: string): number {
  return isNarrow(text) ? text.length : stringWidth(text);
}

/**
 * Returns whether each character takes one cell: ASCII, European letters, punctuation, arrows, lines and blocks. Our
 * own texts consist of these, and asking string-width takes longer than everything else that a command does.
 */
function isNarrow(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is told from the rest
  return /^[\x00-\x7f\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u2500-\u25fc]*$/.test(
    text,
  );
}
