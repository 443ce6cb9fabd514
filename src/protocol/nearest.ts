import leven from "leven";

/** Returns the names probably meant, nearest first: those that begin with `typed`, and those a few slips away. */
export function nearest(typed: string, names: Iterable<string>): string[] {
  const word = typed.toLowerCase();
  return [...new Set(names)]
    .map((name) => ({ name, distance: distanceOf(word, name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= maxSlips(word, name.toLowerCase()))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MAX_NAMES)
    .map(({ name }) => name);
}

/**
 * The most slips allowed: 1 in 4 letters; 2 from 5 letters on if the first 2 match. `prune` does not suggest `pause`.
 */
function maxSlips(word: string, name: string): number {
  const { length } = word.replace(/^-+/, "");
  const hasSamePrefix = length >= 5 && name.startsWith(word.slice(0, word.length - length + 2));
  return Math.max(hasSamePrefix ? 2 : 1, Math.floor(length / 4));
}

const MAX_NAMES = 3;

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
  const suggestions = nearest(typed, names);
  return suggestions.length === 0 ? "" : `; did you mean ${suggestions.join(" or ")}?`;
}
