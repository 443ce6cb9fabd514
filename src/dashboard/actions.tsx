import { useState } from "preact/hooks";
import { isCutShort } from "../core/machine.ts";
import type { Params, TaskDetailsJson } from "../protocol/methods.ts";
import { Failure, rpc } from "./api.ts";
import { plain } from "./words.ts";

const QUEUED_STATES = ["submitted", "resumed"];

/** Returns the message for a failure, as a person reads it. */
export function reasonOf(error: unknown): string {
  return `${(error as Error).message}${error instanceof Failure && error.hint ? ` (${error.hint})` : ""}`;
}

/** Returns `act`, which wraps a button's work, shows its outcome in `notice`, and calls `onDone` afterwards. */
export function useActions(onDone: () => Promise<void>) {
  const [outcome, setOutcome] = useState<{ text: string; isError: boolean } | null>(null);
  const [isBusy, setBusy] = useState(false);
  const act = (work: () => Promise<unknown>, successText: string) => async () => {
    setBusy(true);
    try {
      await work();
      setOutcome({ text: successText, isError: false });
    } catch (error) {
      setOutcome({ text: reasonOf(error), isError: true });
    }
    setBusy(false);
    await onDone().catch(() => undefined);
  };
  const notice = outcome ? (
    <p class={outcome.isError ? "failure" : "told"} role={outcome.isError ? "alert" : "status"}>
      {plain(outcome.text)}
    </p>
  ) : null;
  return { act, isBusy, notice };
}

/** What a person can do with a task now: buttons, its question, and a message. */
export function Actions({ task, onDone }: { task: TaskDetailsJson; onDone: () => Promise<void> }) {
  const { act, isBusy, notice } = useActions(onDone);
  const { id, state, held, question, endedAt, checkpoint } = task;
  const button = (
    title: string,
    work: () => Promise<unknown>,
    isShown: boolean,
    successText = `${title}: done`,
  ) =>
    isShown ? (
      <button type="button" disabled={isBusy} onClick={act(work, successText)}>
        {title}
      </button>
    ) : null;
  const isOpen = endedAt === null;
  const canContinue =
    isCutShort(state) && task.kind !== "agent" && (checkpoint !== null || task.steps.length > 0);
  return (
    <div class="actions">
      {button("Pause", () => rpc("tasks/pause", { id }), state === "working" || state === "resumed")}
      {button("Resume", () => rpc("tasks/resume", { id }), state === "suspended")}
      {button(
        "Resume from the start",
        () => rpc("tasks/resume", { id, fromStart: true }),
        state === "suspended",
      )}
      {button("Hold", () => rpc("tasks/hold", { id }), QUEUED_STATES.includes(state) && !held)}
      {button("Release", () => rpc("tasks/release", { id }), held && isOpen)}
      {button("Cancel", () => rpc("tasks/cancel", { id }), isOpen)}
      {button("Run again", () => rerun({ id }), !isOpen)}
      {button("Go on where it stopped", () => rerun({ id, continue: true }), canContinue)}
      {state === "input-required" && question ? (
        <Ask
          prompt={question.prompt}
          choices={question.choices}
          answer={(text) => act(() => rpc("tasks/answer", { id, text }), "answered")()}
        />
      ) : null}
      {isOpen ? (
        <Line
          title="Message"
          buttonText="Send"
          send={(text) => act(() => rpc("tasks/send", { id, text }), "sent")()}
        />
      ) : null}
      {notice}
    </div>
  );
}

async function rerun(params: Params<"tasks/rerun">): Promise<void> {
  const answer = await rpc("tasks/rerun", params);
  if ("task" in answer && answer.task) location.hash = `#/task/${answer.task.id}`;
}

interface Question {
  prompt: string;
  choices: readonly string[] | null;
  answer: (text: string) => Promise<void>;
}

function Ask({ prompt, choices, answer }: Question) {
  return (
    <section class="question">
      <h2>Question</h2>
      <p>{plain(prompt)}</p>
      {choices ? (
        choices.map((choice) => (
          <button type="button" key={choice} onClick={() => answer(choice)}>
            {plain(choice)}
          </button>
        ))
      ) : (
        <Line title="Answer" buttonText="Answer" send={answer} />
      )}
    </section>
  );
}

function Line({
  title,
  buttonText,
  send,
}: {
  title: string;
  buttonText: string;
  send: (text: string) => Promise<void>;
}) {
  const [text, setText] = useState("");
  const submit = async (event: Event) => {
    event.preventDefault();
    if (text === "") return;
    await send(text);
    setText("");
  };
  return (
    <form class="line-form" onSubmit={submit}>
      <label>
        {title} <input value={text} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit">{buttonText}</button>
    </form>
  );
}
