/** Markdown as plain text for a terminal: what the pages of docs/ use of it, and no more. */
import { foldCode, wrap } from "./wrap.ts";

const INDENT = "    ";
/** With less room than this beside it, the second column of a table stands below the first. */
const LEAST_TEXT = 20;

/** The page in lines of at most `columns`; the first column of narrow tables stays as it is. */
export function terminalText(page: string, columns: number): string {
  const parts = page.replace(/<!--[\s\S]*?-->\n*/g, "").split(/^(```[\s\S]*?^```)$/m);
  const lines = parts.flatMap((part) =>
    part.startsWith("```")
      ? codeLines(part, columns)
      : part.split(/\n{2,}/).flatMap((block) => blockLines(block, columns)),
  );
  return `${lines.join("\n").trim()}\n`;
}

/** In a block of a console the commands are what stands behind `$`. */
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
    return [heading[1] === "#" ? plain(heading[2] ?? "").toUpperCase() : plain(heading[2] ?? ""), ""];
  if (text.startsWith("|")) return [...tableLines(text, columns), ""];
  return [...items(text).flatMap((item) => itemLines(item, columns)), ""];
}

/** A list by its items, a paragraph as one. */
function items(text: string): string[] {
  return text.split(/\n(?=(?:-|\d+\.) )/).map((item) => item.replace(/\n\s*/g, " "));
}

function itemLines(item: string, columns: number): string[] {
  const [, mark = "", rest = ""] = /^((?:-|\d+\.) )?(.*)$/s.exec(item) ?? [];
  const [first = "", ...others] = wrap(plain(rest), columns - mark.length);
  return [`${mark}${first}`, ...others.map((line) => `${" ".repeat(mark.length)}${line}`)];
}

/** Two columns beside each other; of more, each row as a block with the titles of its cells. */
function tableLines(text: string, columns: number): string[] {
  const rows = text.split("\n").map((row) => row.slice(1, -1).split(" |"));
  const [titles = [], , ...body] = rows.map((cells) => cells.map((cell) => plain(cell.trim())));
  const width = Math.max(...body.map(([first = ""]) => first.length));
  if (titles.length <= 2 && width <= columns / 2 && columns - width - 4 >= LEAST_TEXT) {
    return body.flatMap(([first = "", second = ""]) => beside(first, second, width, columns));
  }
  return body.flatMap(([first = "", ...cells]) => [
    ...wrap(first, columns),
    ...cells.flatMap((cell, at) => {
      const title = titles[at + 1] ? `${titles[at + 1]}: ` : "";
      return cell === "" ? [] : wrap(`${title}${cell}`, columns - 4).map((line) => `${INDENT}${line}`);
    }),
  ]);
}

function beside(first: string, second: string, width: number, columns: number): string[] {
  const [line = "", ...more] = wrap(second, columns - width - 4);
  return [`  ${first.padEnd(width)}  ${line}`, ...more.map((rest) => `${" ".repeat(width + 4)}${rest}`)];
}

function plain(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\*\*([^*]+)\*\*/g, "$1")
    .replace(/`([^`]+)`/g, "$1");
}
