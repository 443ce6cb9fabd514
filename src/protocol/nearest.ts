import leven from "leven";

/** The names that were probably meant, the nearest first: those that begin so, and those a slip or two away. */
export function nearest(typed: string, names: Iterable<string>): string[] {
  const most = typed.length <= 4 ? 1 : Math.max(2, Math.floor(typed.length / 3));
  const word = typed.toLowerCase();
  return [...new Set(names)]
    .map((name) => ({ name, distance: distanceOf(word, name.toLowerCase(), most) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, MOST_NAMES)
    .map(({ name }) => name);
}

const MOST_NAMES = 3;

function distanceOf(word: string, name: string, most: number): number {
  if (name === word) return 0;
  if (word.length > 0 && name.startsWith(word)) return 0.5;
  // Two letters that changed places are one slip.
  if (lettersOf(word) === lettersOf(name)) return 1;
  return leven(word, name, { maxDistance: most + 1 });
}

const lettersOf = (word: string) => [...word].sort().join("");

/** `; did you mean a or b?`, or nothing where none is near. */
export function didYouMean(typed: string, names: Iterable<string>): string {
  const near = nearest(typed, names);
  return near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
}
