/**
 * Throws a TypeError for text with half of a character in it (a lone surrogate, as is left when an emoji is cut in two):
 * UTF-8 cannot hold it, so it would come back as another character and a step of that name would run again.
 */
export function refuseCutText(text: string, what: string): void {
  const at = text.search(/\p{Surrogate}/u);
  if (at < 0) return;
  throw new TypeError(
    `${what} has half of a character at position ${at} (a lone surrogate), which UTF-8 cannot hold: ${JSON.stringify(text.slice(0, 200))}`,
  );
}
