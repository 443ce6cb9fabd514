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
  const question = parseQuestion(prompt, options);
  session.refuseInStep("task.ask()");
  if (session.question !== undefined)
    throw new Error(
      `task.ask(${JSON.stringify(prompt)}) while ${JSON.stringify(session.question)} waits for its answer: one question at a time`,
    );
  session.question = prompt;
  try {
    return await session.callJournaled({
      kind: "ask",
      name: "ask",
      replay: ({ value }) => String(value),
      run: (place, flight) => waitForAnswer(session, { question, place, flight }),
    });
  } finally {
    session.question = undefined;
  }
}

function parseQuestion(prompt: unknown, options?: AskOptions): Question {
  if (typeof prompt !== "string" || prompt === "" || prompt.length > 10_000)
    throw new TypeError("task.ask(prompt): a prompt must be a string of 1 to 10000 characters");
  const names = ["choices", "timeout", "default"] as const;
  const { choices, timeout, default: fallback } = checkedOptions(options, names, "task.ask()");
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

interface PendingQuestion {
  question: Question;
  place: Place;
  flight: PendingCall;
}

/**
 * Sends the question and waits for its answer, which comes in the response if there already is one, and otherwise as a
 * notification. The question is sent again after a reconnect, because the notification may have been lost, and with its
 * new place after a checkpoint has moved it.
 */
async function waitForAnswer(
  session: Session,
  { question, place, flight }: PendingQuestion,
): Promise<string> {
  const places: { n: number; base: number }[] = [];
  let send = () => Promise.resolve();
  const answer = new Promise<string>((resolve) => {
    session.onAnswer = (notification) => {
      if (places.some(({ n, base }) => n === notification.n && base === notification.base))
        resolve(notification.answer);
    };
    send = async () => {
      const { n, base, call, alone } = place;
      places.push({ n, base });
      const response = await session.link.call("attempt/ask", { n, base, call, alone, ...question });
      if (response.answer !== null) resolve(response.answer);
    };
  });
  const resend = () => void send().catch(() => {});
  try {
    await send();
    flight.onMoved = resend;
    session.running.add(resend);
    flight.setState("asking");
    const text = await answer;
    flight.setState("busy");
    await session.calls.pass(flight);
    return text;
  } finally {
    session.running.delete(resend);
    session.onAnswer = undefined;
  }
}
