/** The JSON of answers that was made before they are sent: of a long list it takes as long as to read it from the store. */
const texts = new WeakMap<object, string>();

/** The answer, of which `json` is the text, so that it is not made again. */
export function withText<T extends object>(answer: T, json: string): T {
  texts.set(answer, json);
  return answer;
}

/** The text of an answer. */
export function textOf(answer: unknown): string {
  const made = typeof answer === "object" && answer !== null ? texts.get(answer) : undefined;
  return made ?? JSON.stringify(answer ?? null);
}
