import leven from "leven";

/** Returns the names probably meant, nearest first: those that begin with `typed`, and those a few slips away. */
export function nearest(typed: string, names: Iterable<string>): string[] {
  const word = typed.toLowerCase();
  return [...new Set(names)]
    .map((name) => ({ name, distance: distanceOf(word, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= mostSlips(word, name.toLowerCase()))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST_NAMES)
    .map(({ name }) => name);
}

/**
 * The most slips allowed: 1 in 4 letters; 2 from 5 letters on if the first 2 match. `prune` does not suggest `pause`.
 */
function mostSlips(word: string, name: string): number {
  const { length } = word.replace(/^-+/, "");
  const isBegunSo = length >= 5 && name.startsWith(word.slice(0, word.length - length + 2));
  return Math.max(isBegunSo ? 2 : 1, Math.floor(length / 4));
}

const MOST_NAMES = 3;

function distanceOf(word: string, name: string): number {
  if (name === word) return 0;
  if (word.length > 0 && name.startsWith(word)) return 0.5;
  // Two swapped letters are one slip.
  if (lettersOf(word) === lettersOf(name)) return 1;
  return leven(word, name);
}

const lettersOf = (word: string) => [...word].sort().join("");

/** Returns `; did you mean a or b?`, or an empty text if no name is near. */
export function didYouMean(typed: string, names: Iterable<string>): string {
  const near = nearest(typed, names);
  return near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
}
