/**
 * The code blocks of a Markdown page, which a test runs. A comment right before a block says what to do with it:
 *
 *   <!-- file: task.ts -->       write it to this file
 *   <!-- needs: python3 -->      run it only if this program is installed; `PostgreSQL` means a server for this test
 *   <!-- not run: <reason> -->   do not run it
 *
 * A comment between blocks runs a command that the page does not show: <!-- run: agentctl wait 1 -->.
 */
export interface Block {
  /** Its line in the page. */
  line: number;
  language: string;
  text: string;
  marks: Readonly<Partial<Record<"file" | "needs" | "not run", string>>>;
}

/** A command of a console block, and its output. */
export interface Shown {
  command: string;
  output: string[];
}

const PART = /^<!-- (file|needs|not run|run): (.+?) -->$|^```(\w*)\n([\s\S]*?)^```$/gm;

/** Returns the blocks of a page in order, with hidden commands as blocks of the language `hidden`. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let marks: Record<string, string> = {};
  for (const { 0: whole, 1: mark, 2: value = "", 3: language = "", 4: text = "", index } of page.matchAll(
    PART,
  )) {
    const line = page.slice(0, index).split("\n").length;
    if (mark === "run") blocks.push({ line, language: "hidden", text: `${value}\n`, marks: {} });
    else if (mark) marks[mark] = value;
    else {
      blocks.push({ line, language, text, marks });
      marks = {};
    }
    if (mark && !whole.endsWith("-->")) throw new Error(`line ${line}: a mark without an end`);
  }
  return blocks;
}

/** Returns the commands of a console block: lines after `$ `, continued by `> `. Other lines are output. */
export function shownIn(text: string): Shown[] {
  const shown: Shown[] = [];
  for (const line of text.trimEnd().split("\n")) {
    const last = shown.at(-1);
    if (line.startsWith("$ ")) shown.push({ command: line.slice(2), output: [] });
    else if (line.startsWith("> ") && last && last.output.length === 0) last.command += `\n${line.slice(2)}`;
    else last?.output.push(line);
  }
  return shown;
}

/** Text that differs from run to run, which we replace by `#`. Columns may be wider or narrower. */
const VARYING = [
  /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
  /\b\d{4}-\d\d-\d\d(T[\d:.]+Z)?\b/g,
  /\b\d\d:\d\d(:\d\d)?\b/g,
  /(?<=pid )\d+/g,
  /(?<=paused? by )\w+/g,
  /\b\d+(?=\/\d)/g,
  /\b\d+(?= processes)/g,
  /\b\d+(\.\d+)?(?: (?:B|KiB|MiB|GiB)|ms|s|m|h|d)\b( \d+(s|m|h))?/g,
];

function plain(line: string): string {
  const constant = VARYING.reduce((text, pattern) => text.replace(pattern, "#"), line);
  return constant.replace(/\s+/g, " ").trimEnd();
}

/** Whether a command printed what the page shows. `…` stands for any part of a line, or on its own for any lines. */
export function isAsShown(shown: readonly string[], printed: readonly string[]): boolean {
  const pattern = shown.map((line) => {
    if (line.trim() === "…") return "(?:.*\n)*?";
    return `${plain(line).split("…").map(escaped).join(".*")}\n`;
  });
  return new RegExp(`^${pattern.join("")}$`).test(printed.map((line) => `${plain(line)}\n`).join(""));
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
