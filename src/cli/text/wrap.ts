/**
 * Breaks a text at spaces into lines of at most so many columns, all but the first shorter by `hanging`; a longer word has
 * a line of its own.
 */
export function wrap(text: string, columns: number, hanging = 0): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines[lines.length - 1] ?? "";
    const most = columns - (lines.length > 1 ? hanging : 0);
    if (last !== "" && widthOf(last) + widthOf(word) + 1 > most) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

/** The same for each line of a text; what is broken off stands below, two columns further in. */
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

/** How much further in the rest of a line of code stands. */
const DEEPER = 2;

/**
 * A line of code in lines of at most so many columns, broken at spaces. One of a shell stays one that can be pasted: it is
 * broken between words, with a backslash, and its remark stands below it.
 */
export function foldCode(line: string, columns: number, isShell: boolean): string[] {
  if (widthOf(line) <= columns) return [line];
  const [indent = ""] = /^ */.exec(line) ?? [];
  const deeper = `${indent}${" ".repeat(DEEPER)}`;
  const text = line.trimStart();
  if (!isShell) {
    const [first = "", ...rest] = wrap(text, columns - indent.length, DEEPER);
    return [`${indent}${first}`, ...rest.map((each) => `${deeper}${each}`)];
  }
  const { words, remark } = shellWords(text);
  const folded = joined(words, columns - indent.length).map(
    (each, at) => `${at > 0 ? deeper : indent}${each}`,
  );
  const under = words.length > 0 ? deeper : indent;
  const remarks = remark === "" ? [] : wrap(remark, columns - under.length - 2);
  return [...folded, ...remarks.map((each) => `${under}# ${each}`)];
}

/** The words of a line of a shell, quotes and all, and what stands behind its `#`. */
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

/** These words with a backslash at the end of each line but the last; a word that is too long is broken at its spaces. */
function joined(words: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  const end = (more: string) => {
    if (line !== "") lines.push(`${line}${more}`);
    line = "";
  };
  for (const word of words) {
    const most = columns - (lines.length > 0 ? DEEPER : 0);
    if (line !== "" && widthOf(`${line} ${word}`) + 2 > most) end(" \\");
    const room = columns - (lines.length > 0 ? DEEPER : 0) - 2;
    const parts = line === "" && widthOf(word) > room ? wrap(word, columns - DEEPER - 2) : [word];
    const last = parts.pop() ?? "";
    lines.push(...parts);
    line = line === "" ? last : `${line} ${last}`;
  }
  end("");
  return lines;
}

/** Cells, nearly: without colours, and two for each character of the scripts that take two. */
function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what begins a colour is a control character
  const plain = text.replace(/\u001b\[[\d;]*m/g, "");
  return (
    plain.length +
    (plain.match(/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/g)?.length ?? 0)
  );
}
