import { useState } from "preact/hooks";
import { isCutShort } from "../core/machine.ts";
import type { Params, TaskDetailsJson } from "../protocol/methods.ts";
import { Failure, rpc } from "./api.ts";
import { plain } from "./words.ts";

const QUEUED = ["submitted", "resumed"];

/** Returns the message for a failure, as a person reads it. */
export function reasonOf(error: unknown): string {
  return `${(error as Error).message}${error instanceof Failure && error.hint ? ` (${error.hint})` : ""}`;
}

/** Returns `act`, which wraps a button's work, shows its outcome in `told`, and calls `done` afterwards. */
export function useActs(done: () => Promise<void>) {
  const [said, setSaid] = useState<{ text: string; isBad: boolean } | null>(null);
  const [isBusy, setBusy] = useState(false);
  const act = (work: () => Promise<unknown>, told: string) => async () => {
    setBusy(true);
    try {
      await work();
      setSaid({ text: told, isBad: false });
    } catch (error) {
      setSaid({ text: reasonOf(error), isBad: true });
    }
    setBusy(false);
    await done().catch(() => undefined);
  };
  const told = said ? (
    <p class={said.isBad ? "failure" : "told"} role={said.isBad ? "alert" : "status"}>
      {plain(said.text)}
    </p>
  ) : null;
  return { act, isBusy, told };
}

/** What a person can do with a task now: buttons, its question, and a message. */
export function Actions({ task, done }: { task: TaskDetailsJson; done: () => Promise<void> }) {
  const { act, isBusy, told: answer } = useActs(done);
  const { id, state, held, question, endedAt, checkpoint } = task;
  const button = (title: string, work: () => Promise<unknown>, isMeant: boolean, told = `${title}: done`) =>
    isMeant ? (
      <button type="button" disabled={isBusy} onClick={act(work, told)}>
        {title}
      </button>
    ) : null;
  const isOpen = endedAt === null;
  const goesOn = isCutShort(state) && task.kind !== "agent" && (checkpoint !== null || task.steps.length > 0);
  return (
    <div class="actions">
      {button("Pause", () => rpc("tasks/pause", { id }), state === "working" || state === "resumed")}
      {button("Resume", () => rpc("tasks/resume", { id }), state === "suspended")}
      {button(
        "Resume from the start",
        () => rpc("tasks/resume", { id, fromStart: true }),
        state === "suspended",
      )}
      {button("Hold", () => rpc("tasks/hold", { id }), QUEUED.includes(state) && !held)}
      {button("Release", () => rpc("tasks/release", { id }), held && isOpen)}
      {button("Cancel", () => rpc("tasks/cancel", { id }), isOpen)}
      {button("Run again", () => rerun({ id }), !isOpen)}
      {button("Go on where it stopped", () => rerun({ id, continue: true }), goesOn)}
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
          word="Send"
          send={(text) => act(() => rpc("tasks/send", { id, text }), "sent")()}
        />
      ) : null}
      {answer}
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
        <Line title="Answer" word="Answer" send={answer} />
      )}
    </section>
  );
}

function Line({ title, word, send }: { title: string; word: string; send: (text: string) => Promise<void> }) {
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
      <button type="submit">{word}</button>
    </form>
  );
}
