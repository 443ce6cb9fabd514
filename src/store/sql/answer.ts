import { AgentctlError } from "../../core/errors.ts";
import type { Question, Task } from "../../core/task.ts";
import type { Context, Op } from "./context.ts";
import { journalAnswer } from "./journal.ts";
import { move } from "./moves.ts";

/** Journals the answer to the open question; a task that is `input-required` is queued again. */
export function* answer(
  ctx: Context,
  id: number,
  { text, at, actor }: { text: string; at: number; actor: string },
): Op<{ task: Task; question: Question }> {
  const task = yield* ctx.task(id);
  const { question } = task;
  if (!question) {
    const data = { id, state: task.state, allowed: ["input-required"] };
    if (task.endedAt !== null) throw new AgentctlError("TaskImmutable", data);
    const reason = `task ${id} is ${task.state} and has no question open`;
    throw new AgentctlError("UnsupportedOperation", { ...data, reason });
  }
  const answered = yield* journalAnswer(ctx, task, question, text, at);
  if (task.state !== "input-required") return { task: answered, question };
  const moved = yield* move(ctx, { id, transition: "answer", at, cause: "answer", actor });
  return { task: moved, question };
}
