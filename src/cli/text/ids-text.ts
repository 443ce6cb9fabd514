const SHOWN = 10;

/** The first ids, and how many more there are. */
export function idsText(ids: readonly number[]): string {
  const more = ids.length - SHOWN;
  return more <= 0 ? ids.join(", ") : `${ids.slice(0, SHOWN).join(", ")} and ${more} more`;
}
