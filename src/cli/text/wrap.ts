/**
 * Breaks a text at spaces into lines of at most `columns`, all but the first shorter by `hanging`. A longer word has
 * its own line.
 */
export function wrap(text: string, columns: number, hanging = 0): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1] ?? "";
    const max = columns - (lines.length > 1 ? hanging : 0);
    if (last !== "" && widthOf(last) + widthOf(word) + 1 > max) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

/** Wraps each line of a text; continuation lines are indented by two more columns. */
export function wrapBlock(text: string, columns: number): string {
  return text
    .split("\n")
    .flatMap((line) => {
      if (widthOf(line) <= columns) return line;
      const [indent = ""] = /^ */.exec(line) ?? [];
      const [first = "", ...others] = wrap(line.trimStart(), columns - indent.length, 2);
      return [`${indent}${first}`, ...others.map((each) => `${indent}  ${each}`)];
    })
    .join("\n");
}

/** By how much the continuation of a line of code is indented. */
const HANGING = 2;

/**
 * Folds a line of code into lines of at most `columns`, broken at spaces. A shell line can still be pasted: it is
 * broken between words, with a backslash, and its comment goes below it.
 */
export function foldCode(line: string, columns: number, isShell: boolean): string[] {
  if (widthOf(line) <= columns) return [line];
  const [indent = ""] = /^ */.exec(line) ?? [];
  const hangingIndent = `${indent}${" ".repeat(HANGING)}`;
  const text = line.trimStart();
  if (!isShell) {
    const [first = "", ...rest] = wrap(text, columns - indent.length, HANGING);
    return [`${indent}${first}`, ...rest.map((each) => `${hangingIndent}${each}`)];
  }
  const { words, remark } = shellWords(text);
  const folded = joinWords(words, columns - indent.length).map(
    (each, index) => `${index > 0 ? hangingIndent : indent}${each}`,
  );
  const remarkIndent = words.length > 0 ? hangingIndent : indent;
  const remarks = remark === "" ? [] : wrap(remark, columns - remarkIndent.length - 2);
  return [...folded, ...remarks.map((each) => `${remarkIndent}# ${each}`)];
}

/** Splits a shell line into its words, quotes included, and the comment after its `#`. */
function shellWords(text: string): { words: string[]; remark: string } {
  const words: string[] = [];
  let rest = text.trim();
  while (rest !== "" && !rest.startsWith("#")) {
    const [word = rest] = /^(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\])+/.exec(rest) ?? [];
    words.push(word);
    rest = rest.slice(word.length).trimStart();
  }
  return { words, remark: rest.replace(/^#\s*/, "") };
}

/**
 * Joins words into lines, all but the last with a backslash at the end. Breaks a word that is too long at its spaces.
 */
function joinWords(words: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  const flush = (suffix: string) => {
    if (line !== "") lines.push(`${line}${suffix}`);
    line = "";
  };
  for (const word of words) {
    const max = columns - (lines.length > 0 ? HANGING : 0);
    if (line !== "" && widthOf(`${line} ${word}`) + 2 > max) flush(" \\");
    const room = columns - (lines.length > 0 ? HANGING : 0) - 2;
    const parts = line === "" && widthOf(word) > room ? wrap(word, columns - HANGING - 2) : [word];
    const last = parts.pop() ?? "";
    lines.push(...parts);
    line = line === "" ? last : `${line} ${last}`;
  }
  flush("");
  return lines;
}

/** Returns the approximate width in cells: without colours, and two for each wide character. */
function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what begins a colour is a control character
  const plain = text.replace(/\u001b\[[\d;]*m/g, "");
  return (
    plain.length +
    (plain.match(/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/g)?.length ?? 0)
  );
}
