/** One column: how narrow a terminal may make it, and on which side its text stands. */
export interface Column {
  title: string;
  /** Undefined for a column that is never cut. */
  least?: number;
  isRight?: boolean;
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
  const cut = truncate(textOf(cell), width);
  const space = " ".repeat(width - textWidth(cut));
  const shown = typeof cell === "string" ? cut : cell.paint(cut);
  return `${column?.isRight ? space + shown : shown + space}${" ".repeat(GAP)}`;
}

function textOf(cell: Cell): string {
  return typeof cell === "string" ? cell : cell.text;
}

/** The natural widths; where they are too wide, the widest of the columns that may shrink gives way first. */
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
    const widest = columns
      .map(({ least }, at) => ({ at, spare: (widths[at] ?? 0) - (least ?? Number.POSITIVE_INFINITY) }))
      .filter(({ spare }) => spare > 0)
      .sort((a, b) => (widths[b.at] ?? 0) - (widths[a.at] ?? 0))[0];
    if (!widest) break;
    widths[widest.at] = (widths[widest.at] ?? 1) - 1;
  }
  return widths;
}

/** Text of at most so many cells of a terminal, with an ellipsis where something is missing. */
function truncate(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  let cut = "";
  for (const char of text) {
    if (textWidth(cut + char) > width - 1) break;
    cut += char;
  }
  return `${cut.trimEnd()}…`;
}

const NOTHING = /\p{Mn}|\p{Me}|\p{Cf}/u;
const DOUBLE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** The cells of a terminal that a text takes. */
function textWidth(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: printable ASCII is told from the rest
  if (/^[\x00-\x7f]*$/.test(text)) return text.length;
  let width = 0;
  for (const char of text) {
    if (NOTHING.test(char)) continue;
    width += DOUBLE.test(char) ? 2 : 1;
  }
  return width;
}
