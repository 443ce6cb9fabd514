/** Turns Markdown into plain text for a terminal. Supports only what the pages of docs/ use. */
import { foldCode, wrap } from "./wrap.ts";

const INDENT = "    ";
/** If the second column of a table has less room than this, it goes below the first. */
const MIN_TEXT_WIDTH = 20;

/** Returns the page in lines of at most `columns`; the first column of a narrow table is not wrapped. */
export function terminalText(page: string, columns: number): string {
  const parts = page.replace(/<!--[\s\S]*?-->\n*/g, "").split(/^(```[\s\S]*?^```)$/m);
  const lines = parts.flatMap((part) =>
    part.startsWith("```")
      ? codeLines(part, columns)
      : part.split(/\n{2,}/).flatMap((block) => blockLines(block, columns)),
  );
  return `${lines.join("\n").trim()}\n`;
}

/** Returns the lines of a code block. In a `console` block, the lines that begin with `$` are commands. */
function codeLines(part: string, columns: number): string[] {
  const [fence = "", ...lines] = part.split("\n").slice(0, -1);
  const isShell = (line: string) =>
    /^```sh\b/.test(fence) || (fence === "```console" && line.startsWith("$ "));
  return [...lines.flatMap((line) => foldCode(`${INDENT}${line}`.trimEnd(), columns, isShell(line))), ""];
}

function blockLines(block: string, columns: number): string[] {
  const text = block.trim();
  if (text === "") return [];
  const heading = /^(#+) (.*)$/.exec(text);
  if (heading)
    return [
      heading[1] === "#" ? stripMarkup(heading[2] ?? "").toUpperCase() : stripMarkup(heading[2] ?? ""),
      "",
    ];
  if (text.startsWith("|")) return [...tableLines(text, columns), ""];
  return [...items(text).flatMap((item) => itemLines(item, columns)), ""];
}

/** Splits a list into its items; a paragraph is one item. */
function items(text: string): string[] {
  return text.split(/\n(?=(?:-|\d+\.) )/).map((item) => item.replace(/\n\s*/g, " "));
}

function itemLines(item: string, columns: number): string[] {
  const [, mark = "", rest = ""] = /^((?:-|\d+\.) )?(.*)$/s.exec(item) ?? [];
  const [first = "", ...others] = wrap(stripMarkup(rest), columns - mark.length);
  return [`${mark}${first}`, ...others.map((line) => `${" ".repeat(mark.length)}${line}`)];
}

/** Returns two columns side by side; with more columns, each row is a block with the titles of its cells. */
function tableLines(text: string, columns: number): string[] {
  const rows = text.split("\n").map((row) => row.slice(1, -1).split(" |"));
  const [titles = [], , ...body] = rows.map((cells) => cells.map((cell) => stripMarkup(cell.trim())));
  const width = Math.max(...body.map(([first = ""]) => first.length));
  if (titles.length <= 2 && width <= columns / 2 && columns - width - 4 >= MIN_TEXT_WIDTH) {
    return body.flatMap(([first = "", second = ""]) => sideBySide(first, second, width, columns));
  }
  return body.flatMap(([first = "", ...cells]) => [
    ...wrap(first, columns),
    ...cells.flatMap((cell, index) => {
      const title = titles[index + 1] ? `${titles[index + 1]}: ` : "";
      return cell === "" ? [] : wrap(`${title}${cell}`, columns - 4).map((line) => `${INDENT}${line}`);
    }),
  ]);
}

function sideBySide(first: string, second: string, width: number, columns: number): string[] {
  const [line = "", ...more] = wrap(second, columns - width - 4);
  return [`  ${first.padEnd(width)}  ${line}`, ...more.map((rest) => `${" ".repeat(width + 4)}${rest}`)];
}

function stripMarkup(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\*\*([^*]+)\*\*/g, "$1")
    .replace(/`([^`]+)`/g, "$1");
}
