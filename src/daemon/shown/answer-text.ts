/** JSON already made for a response. For a long list, making it takes as long as reading the list from the store. */
const texts = new WeakMap<object, string>();

/** Returns the response, and keeps `json` as its text, so that the text is not made twice. */
export function withText<T extends object>(answer: T, json: string): T {
  texts.set(answer, json);
  return answer;
}

/** Returns the text of a response. */
export function textOf(answer: unknown): string {
  const made = typeof answer === "object" && answer !== null ? texts.get(answer) : undefined;
  return made ?? JSON.stringify(answer ?? null);
}
