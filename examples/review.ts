/**
 * Two coding agents and a person. One agent changes the files of a folder, the other reviews the change, and the person
 * decides what to do next.
 *
 *     agentctl run --follow examples/review.ts --input '{"goal":"Make the tests pass."}'
 *     agentctl answer <id> "Keep the old name as an alias."     starts another round with this answer and the review
 *     agentctl answer <id> accept                               ends the task
 *
 * Each turn of an agent is a step. Its session survives a pause, a crash and a reboot, and the answers stay in the
 * journal, so nothing is written or reviewed twice. A provider's limit suspends the task until the limit is over.
 */
import { defineTask } from "agentctl";
import { runAgent } from "agentctl/agents";

interface Input {
  goal: string;
  /** Default: Claude Code. `agentctl agent list` shows the others. */
  writer?: string;
  /** Default: Codex. An agent other than the writer notices other things. */
  reviewer?: string;
}

interface Outcome {
  decision: string;
  rounds: number;
  written: string;
  review: string;
}

const ACCEPT = "accept";

export default defineTask<Input, Outcome>(async (task, { goal, writer = "claude", reviewer = "codex" }) => {
  let prompt = goal;
  for (let round = 1; ; round++) {
    task.progress(round, null, `${writer} writes`);
    const written = await runAgent(task, { agent: writer, prompt, permissions: "edits" });
    task.progress(round, null, `${reviewer} reviews`);
    const question = `Somebody was asked: ${goal}\nThey say: ${written}\nReview the change in this folder. Change nothing.`;
    const review = await runAgent(task, { agent: reviewer, prompt: question, permissions: "plan" });
    const decision = await task.ask(`${reviewer} says:\n${review}\n\n"${ACCEPT}", or what is to be changed?`);
    if (decision === ACCEPT) return { decision, rounds: round, written, review };
    prompt = `${goal}\nYour change was reviewed: ${review}\nIt was decided: ${decision}`;
  }
});
