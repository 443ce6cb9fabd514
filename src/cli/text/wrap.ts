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

/** Cells, nearly: without colours, and two for each character of the scripts that take two. */
function widthOf(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what begins a colour is a control character
  const plain = text.replace(/\u001b\[[\d;]*m/g, "");
  return (
    plain.length +
    (plain.match(/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/g)?.length ?? 0)
  );
}
