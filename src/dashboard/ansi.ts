/** A piece of text with the classes of its colours. */
export interface Piece {
  text: string;
  classes: string;
}

const COLOURS = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const ESCAPE = "\\u001b";
/** Matches colours, and what is left out: titles, other control sequences, and escapes of two characters. */
const SEQUENCE = new RegExp(
  [
    `${ESCAPE}\\[([0-9;]*)m`,
    `${ESCAPE}\\][^\\u0007\\u001b]*(?:\\u0007|${ESCAPE}\\\\)`,
    `${ESCAPE}\\[[0-?]*[ -/]*[@-~]`,
    `${ESCAPE}.`,
  ].join("|"),
  "g",
);

/**
 * Splits a log into pieces with their colours (SGR 30-37 and 90-97) and bold. Leaves out all other escape sequences.
 */
export function pieces(text: string): Piece[] {
  const result: Piece[] = [];
  let colour = "";
  let isBold = false;
  let position = 0;
  const push = (part: string) => {
    if (part !== "")
      result.push({ text: part, classes: [colour, isBold ? "bold" : ""].filter(Boolean).join(" ") });
  };
  for (const match of text.matchAll(SEQUENCE)) {
    push(text.slice(position, match.index));
    position = match.index + match[0].length;
    if (match[1] === undefined) continue;
    for (const code of match[1].split(";").map(Number)) {
      if (code === 0) [colour, isBold] = ["", false];
      else if (code === 1) isBold = true;
      else if (code === 22) isBold = false;
      else if (code === 39) colour = "";
      else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) colour = `c-${COLOURS[code % 10]}`;
    }
  }
  push(text.slice(position));
  return result;
}
