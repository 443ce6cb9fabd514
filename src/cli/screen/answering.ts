/** The answer that is being typed to a task's question. */
import type { TaskJson } from "../../protocol/methods.ts";
import type { Key } from "./full-screen.ts";

export interface Answering {
  id: number;
  prompt: string;
  choices: readonly string[];
  text: string;
}

/** Undefined where the task asks nothing. A question with choices begins with the first of them. */
export function answeringOf({ id, state, question }: TaskJson): Answering | undefined {
  if (state !== "input-required" || !question) return undefined;
  const choices = question.choices ?? [];
  return { id, prompt: question.prompt, choices, text: choices[0] ?? "" };
}

/** After a key: the arrows go through the choices, a digit takes one, letters complete one; without choices text is typed. */
export function answeringAfter(answering: Answering, key: Key): Answering {
  const { choices, text } = answering;
  if (choices.length === 0) return { ...answering, text: typed(text, key) };
  const at = choices.indexOf(text);
  const by = { up: -1, left: -1, down: 1, right: 1, tab: 1 }[key.name];
  const digit = /^[1-9]$/.test(key.text) ? choices[Number(key.text) - 1] : undefined;
  const named = choices.find(
    (choice) => key.text !== "" && choice.toLowerCase().startsWith(key.text.toLowerCase()),
  );
  const turned = by === undefined ? undefined : choices[(at + by + choices.length) % choices.length];
  return { ...answering, text: turned ?? digit ?? named ?? text };
}

/** A line that is typed, after a key. */
export function typed(text: string, { name, text: added }: Key): string {
  if (name === "backspace") return [...text].slice(0, -1).join("");
  return name === "^u" ? "" : text + added;
}
