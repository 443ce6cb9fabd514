/** JSON already made for a response. For a long list, making it takes as long as reading the list from the store. */
const texts = new WeakMap<object, string>();

/** Returns the response, and keeps `json` as its text, so that the text is not made twice. */
export function withText<T extends object>(response: T, json: string): T {
  texts.set(response, json);
  return response;
}

/** Returns the text of a response. */
export function textOf(response: unknown): string {
  const cached = typeof response === "object" && response !== null ? texts.get(response) : undefined;
  return cached ?? JSON.stringify(response ?? null);
}
