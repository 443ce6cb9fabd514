/**
 * The task that the A2A test kit (a2aproject/a2a-tck) expects from the system under test. The id of a message selects
 * what its task does. Any other message begins a conversation, which lasts until it is canceled or the kit ends it.
 *
 *     agentctl config set a2a '{"run": {"module": "/path/to/examples/tck.ts"}}'
 */
import { setTimeout as pause } from "node:timers/promises";
import { defineTask } from "agentctl";

interface Input {
  message: { messageId: string };
  text: string;
}

/** A little more than twice the kit's time-out for streams. */
const RESUBSCRIBE_MS = 6000;

const GREETING = "Hello from TCK";

/** The texts with which the kit ends a conversation: an answer to a question has no message id. */
const LAST_WORDS = ["Complete", "TCK follow-up for history", "TCK complete after history"];

export default defineTask<Input, unknown>(async (task, { message: { messageId } }) => {
  const is = (prefix: string) => messageId.startsWith(prefix);
  if (is("tck-complete-task")) return GREETING;
  if (is("tck-reject-task")) throw new Error("rejected");
  if (is("tck-artifact-data")) return { key: "value", count: 42 };
  if (is("test-resubscribe-message-id")) {
    task.progress(0, 1, "waiting");
    await pause(RESUBSCRIBE_MS);
    return GREETING;
  }
  if (is("tck-artifact") || is("tck-stream")) {
    task.progress(1, 2, "writing");
    // agentctl sends a text of more than 1 MiB as a file with a URL.
    if (messageId.includes("-file"))
      await task.artifact("output.txt", "Generated file content\n".repeat(50_000));
    else await task.artifact("generated.txt", "Generated text content");
    return null;
  }
  for (let turn = 1; ; turn++) {
    const said = await task.ask(turn === 1 ? GREETING : `and then? (${turn})`);
    if (LAST_WORDS.includes(said)) return GREETING;
  }
});
