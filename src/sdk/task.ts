import { format } from "node:util";
import type { Task } from "./api.ts";
import { artifact } from "./artifact.ts";
import { ask } from "./ask.ts";
import { save } from "./save.ts";
import type { Session } from "./session.ts";
import { sleep } from "./sleep.ts";
import { step } from "./steps/step.ts";
import { suspend } from "./suspend.ts";

/** Creates the `task` object of one attempt. `print` writes a line to the log. */
export function createTask(session: Session, print: (line: string) => void): Task {
  const { hello, aborter, progress } = session;
  return Object.freeze<Task>({
    id: hello.id,
    attempt: hello.attempt,
    signal: aborter.signal,
    get pausing() {
      return session.pausing.signal;
    },
    dir: hello.dir,
    get checkpoint() {
      return checkpoint(session);
    },
    save: (value) => save(session, value),
    step: <T>(...[name, fn, options]: Parameters<Task["step"]>) =>
      step(session, name, fn, options) as Promise<T>,
    sleep: (duration) => sleep(session, duration),
    ask: (prompt, options) => ask(session, prompt, options),
    messages: () => messages(session),
    suspend: (options) => suspend(session, options),
    progress: (done, total, message) => progress.set(done, total, message),
    artifact: (name, content) => artifact(session, name, content),
    log: (...values) => print(format(...values)),
  });
}

function checkpoint({ hello, journal, saved }: Session): unknown {
  if (journal.style === "top")
    throw new Error(
      "task.checkpoint must be read before the first step: reading it there is what makes the module continue from it",
    );
  journal.decide("checkpoint");
  if (saved.seen === undefined) return undefined;
  try {
    return JSON.parse(saved.seen);
  } catch (cause) {
    throw new Error(`checkpoint ${hello.checkpoint?.seq} is not JSON: it was not saved by task.save`, {
      cause,
    });
  }
}

async function messages(session: Session): Promise<string[]> {
  session.refuseInStep("task.messages()");
  return session.callJournaled({
    kind: "messages",
    name: "messages",
    replay: ({ value }) => value as string[],
    run: async ({ n, base, call, alone }) =>
      (await session.link.call("attempt/messages", { n, base, call, alone })).messages,
  });
}
