import type { AskOptions } from "./api.ts";
import type { Place } from "./journal.ts";
import { checkedOptions, toMs } from "./options.ts";
import type { PendingCall } from "./pending-calls.ts";
import type { Session } from "./session.ts";
import { refuseCutText } from "./whole-text.ts";

interface Question {
  prompt: string;
  choices?: string[];
  timeoutMs?: number;
  default?: string;
}

/** Implements `task.ask`. */
export async function ask(session: Session, prompt: string, options?: AskOptions): Promise<string> {
  const question = checked(prompt, options);
  session.refuseInStep("task.ask()");
  if (session.question !== undefined)
    throw new Error(
      `task.ask(${JSON.stringify(prompt)}) while ${JSON.stringify(session.question)} waits for its answer: one question at a time`,
    );
  session.question = prompt;
  try {
    return await session.journaled({
      kind: "ask",
      name: "ask",
      replay: ({ value }) => String(value),
      run: (place, flight) => answered(session, { question, place, flight }),
    });
  } finally {
    session.question = undefined;
  }
}

function checked(prompt: unknown, options?: AskOptions): Question {
  if (typeof prompt !== "string" || prompt === "" || prompt.length > 10_000)
    throw new TypeError("task.ask(prompt): a prompt must be a string of 1 to 10000 characters");
  const known = ["choices", "timeout", "default"] as const;
  const { choices, timeout, default: fallback } = checkedOptions(options, known, "task.ask()");
  if (choices !== undefined && !isTexts(choices))
    throw new TypeError("task.ask(): choices is a list of at least one text");
  for (const text of [prompt, ...(choices ?? []), fallback ?? ""])
    refuseCutText(text, "a text of task.ask()");
  if (timeout !== undefined && fallback === undefined)
    throw new TypeError("task.ask(): a timeout needs a default, which is the answer when the time is over");
  if (fallback !== undefined && choices && !choices.includes(fallback))
    throw new TypeError(`task.ask(): the default ${JSON.stringify(fallback)} is not one of the choices`);
  return {
    prompt,
    ...(choices && { choices: [...choices] }),
    ...(timeout !== undefined && { timeoutMs: toMs(timeout, "the timeout of task.ask()") }),
    ...(fallback !== undefined && { default: fallback }),
  };
}

function isTexts(choices: unknown): boolean {
  return Array.isArray(choices) && choices.length > 0 && choices.every((each) => typeof each === "string");
}

interface Asking {
  question: Question;
  place: Place;
  flight: PendingCall;
}

/**
 * Sends the question and waits for its answer, which comes in the response if there already is one, and otherwise as a
 * notification. The question is sent again after a reconnect, because the notification may have been lost, and with its
 * new place after a checkpoint has moved it.
 */
async function answered(session: Session, { question, place, flight }: Asking): Promise<string> {
  const places: { n: number; base: number }[] = [];
  let put = () => Promise.resolve();
  const answer = new Promise<string>((resolve) => {
    session.onAnswer = (given) => {
      if (places.some(({ n, base }) => n === given.n && base === given.base)) resolve(given.answer);
    };
    put = async () => {
      const { n, base, call, alone } = place;
      places.push({ n, base });
      const now = await session.link.call("attempt/ask", { n, base, call, alone, ...question });
      if (now.answer !== null) resolve(now.answer);
    };
  });
  const again = () => void put().catch(() => {});
  try {
    await put();
    flight.onMoved = again;
    session.running.add(again);
    flight.is("asking");
    const text = await answer;
    flight.is("busy");
    await session.calls.pass(flight);
    return text;
  } finally {
    session.running.delete(again);
    session.onAnswer = undefined;
  }
}
