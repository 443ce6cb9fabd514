import stringWidth from "string-width";

/** One column: how narrow a terminal may make it, and on which side its text stands. */
export interface Column {
  title: string;
  /** Undefined for a column that is never cut. */
  least?: number;
  isRight?: boolean;
  /** Every other column gives way before this one. */
  isCutLast?: boolean;
}

/** A cell is text, or text with the colour that is laid on after it was fitted. */
export type Cell = string | { text: string; paint: (text: string) => string };

const GAP = 2;

/**
 * Rows as lines that fit into so many columns; without a limit nothing is cut. Every row has as many cells as
 * there are columns.
 */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  limit: number | undefined,
): string[] {
  const all = [columns.map(({ title }) => title), ...rows];
  const widths = fittedWidths(columns, all, limit);
  return all.map((row) =>
    row
      .map((cell, at) => padded(cell, widths[at] ?? 0, columns[at]))
      .join("")
      .trimEnd(),
  );
}

/** A cell at its column's width, and the gap to the next. */
function padded(cell: Cell, width: number, column: Column | undefined): string {
  const cut = fitted(textOf(cell), width);
  const space = " ".repeat(width - textWidth(cut));
  const shown = typeof cell === "string" ? cut : cell.paint(cut);
  return `${column?.isRight ? space + shown : shown + space}${" ".repeat(GAP)}`;
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

/** The natural widths; where they are too wide, the widest of the columns that may shrink gives way, those that are cut last at the end. */
function fittedWidths(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  limit: number | undefined,
): number[] {
  const widths = columns.map((_, at) =>
    rows.reduce((most, row) => Math.max(most, textWidth(textOf(row[at] ?? ""))), 1),
  );
  if (limit === undefined) return widths;
  let excess = widths.reduce((sum, width) => sum + width + GAP, -GAP) - limit;
  for (; excess > 0; excess--) {
    const [first] = columns
      .map(({ least = Number.POSITIVE_INFINITY, isCutLast = false }, at) => ({ at, least, isCutLast }))
      .filter(({ at, least }) => (widths[at] ?? 0) > least)
      .sort((a, b) => Number(a.isCutLast) - Number(b.isCutLast) || (widths[b.at] ?? 0) - (widths[a.at] ?? 0));
    if (!first) break;
    widths[first.at] = (widths[first.at] ?? 1) - 1;
  }
  return widths;
}

/** Text of at most so many cells of a terminal, with an ellipsis where something is missing. */
export function fitted(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (isNarrow(text)) return `${text.slice(0, Math.max(0, width - 1)).trimEnd()}…`;
  let cut = "";
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (textWidth(cut + segment) > width - 1) break;
    cut += segment;
  }
  return `${cut.trimEnd()}…`;
}

/** The cells of a terminal that a text takes. */
export function textWidth(text: string): number {
  return isNarrow(text) ? text.length : stringWidth(text);
}

/**
 * Whether each character takes one cell: ASCII, letters of Europe, punctuation, arrows, lines and blocks. To ask
 * string-width takes longer than everything else that a command does, and these are what we print ourselves.
 */
function isNarrow(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is told from the rest
  return /^[\x00-\x7f\xa0-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u2190-\u22ff\u2500-\u25fc]*$/.test(
    text,
  );
}
