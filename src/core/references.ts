/** How tasks are named in words: an id, ids and ranges (`3-7`, `3,5,9`), a pattern of names (`build-*`), or a name. */

const RANGES = /^\d+(-\d+)?(,\d+(-\d+)?)*$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a word has `*`, `?` or `[…]`, and so stands for every name that fits. */
export function isPattern(word: string): boolean {
  return /[*?[\]]/.test(word);
}

/** Whether a word may stand for several tasks. */
export function isSeveral(word: string): boolean {
  return isPattern(word) || (RANGES.test(word) && !/^\d+$/.test(word));
}

/** Whether a word reads as something else than a name. */
export function isNoName(word: string): boolean {
  return RANGES.test(word) || UUID.test(word) || isPattern(word);
}

/** The ids and ranges of a word such as `3-7,9`, both ends included; undefined when it is none. */
export function rangesOf(word: string): { from: number; to: number }[] | undefined {
  if (!RANGES.test(word)) return undefined;
  return word.split(",").map((part) => {
    const [from = "", to = from] = part.split("-");
    return { from: Number(from), to: Number(to) };
  });
}
