/** How users refer to tasks: by an id, ids and ranges (`3-7`, `3,5,9`), a pattern of names (`build-*`), or a name. */

const RANGES = /^\d+(-\d+)?(,\d+(-\d+)?)*$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Returns whether a word has `*`, `?` or `[…]`, and so stands for every name that matches. */
export function isPattern(word: string): boolean {
  return /[*?[\]]/.test(word);
}

/** Returns whether a word may refer to several tasks. */
export function isSeveral(word: string): boolean {
  return isPattern(word) || (RANGES.test(word) && !/^\d+$/.test(word));
}

/** Returns whether a word cannot be a name, because it reads as an id, a range or a pattern. */
export function isNoName(word: string): boolean {
  return RANGES.test(word) || UUID.test(word) || isPattern(word);
}

/** Returns the ids and ranges of a word such as `3-7,9`, both ends included; undefined if it has another form. */
export function rangesOf(word: string): { from: number; to: number }[] | undefined {
  if (!RANGES.test(word)) return undefined;
  return word.split(",").map((part) => {
    const [from = "", to = from] = part.split("-");
    return { from: Number(from), to: Number(to) };
  });
}
