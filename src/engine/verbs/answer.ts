import { AgentctlError } from "../../core/errors.ts";
import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { refuseMoved } from "../refusals.ts";

/** Answers the open question of a task: a waiting task goes back into the queue, a running task is notified. */
export async function answer(
  engine: Engine,
  ref: string | number,
  { text, actor, isFallback = false }: { text: string; actor: string; isFallback?: boolean },
): Promise<Task> {
  const current = await engine.require(ref);
  refuseMoved(current);
  const choices = current.question?.choices;
  if (choices && !isFallback && !choices.includes(text)) {
    const reason = `${JSON.stringify(text)} is not one of the choices: ${choices.join(", ")}`;
    throw new AgentctlError("InvalidParams", { field: "text", reason, id: current.id, state: current.state });
  }
  const { task, question } = await engine.store.answer(current.id, { text, at: engine.clock.now(), actor });
  const { n, base } = question.key;
  engine.fault("answer:before-notify");
  engine.active.get(task.id)?.link?.answer({ n, base, answer: text });
  engine.fault("answer:after-notify");
  engine.wake();
  return task;
}
