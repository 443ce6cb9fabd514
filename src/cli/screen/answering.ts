/** The answer to a task's question, while the user types it. */
import type { TaskJson } from "../../protocol/methods.ts";
import type { Key } from "./full-screen.ts";

export interface Answering {
  id: number;
  prompt: string;
  choices: readonly string[];
  text: string;
}

/** Returns the first answer to show: the first choice, if any. Undefined if the task asks nothing. */
export function answeringOf({ id, state, question }: TaskJson): Answering | undefined {
  if (state !== "input-required" || !question) return undefined;
  const choices = question.choices ?? [];
  return { id, prompt: question.prompt, choices, text: choices[0] ?? "" };
}

/**
 * Returns the answer after a key. Arrows, digits and letters select among the choices; without choices, text is typed.
 */
export function answeringAfter(answering: Answering, key: Key): Answering {
  const { choices, text } = answering;
  if (choices.length === 0) return { ...answering, text: editText(text, key) };
  const index = choices.indexOf(text);
  const step = { up: -1, left: -1, down: 1, right: 1, tab: 1 }[key.name];
  const digit = /^[1-9]$/.test(key.text) ? choices[Number(key.text) - 1] : undefined;
  const matching = choices.find(
    (choice) => key.text !== "" && choice.toLowerCase().startsWith(key.text.toLowerCase()),
  );
  const moved = step === undefined ? undefined : choices[(index + step + choices.length) % choices.length];
  return { ...answering, text: moved ?? digit ?? matching ?? text };
}

/** Returns a typed line after a key. */
export function editText(text: string, { name, text: added }: Key): string {
  if (name === "backspace") return [...text].slice(0, -1).join("");
  return name === "^u" ? "" : text + added;
}
