/**
 * Throws a TypeError for a text that contains half of a character: a lone surrogate, as is left when an emoji is cut in
 * two. UTF-8 cannot hold it. It would come back as another character, and a step of that name would run again.
 */
export function refuseCutText(text: string, label: string): void {
  const position = text.search(/\p{Surrogate}/u);
  if (position < 0) return;
  throw new TypeError(
    `${label} has half of a character at position ${position} (a lone surrogate), which UTF-8 cannot hold: ${JSON.stringify(text.slice(0, 200))}`,
  );
}
