import { isBeforeWork, waitingStates } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";

/** Returns when a task next needs attention: a delay or pause ends, a planned pause is due, a question times out. */
export function wakeAt(task: Task): number | null {
  const times = [
    task.state === "submitted" || task.state === "resumed" ? task.notBefore : null,
    task.state === "suspended" ? (task.pause?.until ?? null) : null,
    // A planned pause of a task that has yet to work takes effect when it starts to work.
    task.endedAt === null && !isBeforeWork(task.state) ? (task.pauseAt?.at ?? null) : null,
    task.question?.deadline ?? null,
  ].filter((at) => at !== null);
  return times.length > 0 ? Math.min(...times) : null;
}

/** Returns whether a task could start, or resume without a user, as soon as it has its slots. */
export function isReady({ state, held, blockedBy, notBefore, resumesWith }: Task): boolean {
  if (held || blockedBy !== null || notBefore !== null) return false;
  return waitingStates.includes(state) || resumesWith !== null;
}
