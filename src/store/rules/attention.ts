import { isBeforeWork, waitingStates } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";

/** When a task next wants attention by the clock: a delay, the end of a pause, a pause to come, a question's deadline. */
export function wakeAt(task: Task): number | null {
  const times = [
    task.state === "submitted" || task.state === "resumed" ? task.notBefore : null,
    task.state === "suspended" ? (task.pause?.until ?? null) : null,
    // One that waits is paused as soon as it comes to work.
    task.endedAt === null && !isBeforeWork(task.state) ? (task.pauseAt?.at ?? null) : null,
    task.question?.deadline ?? null,
  ].filter((at) => at !== null);
  return times.length > 0 ? Math.min(...times) : null;
}

/** Whether a task could start, or be resumed by itself, as soon as it has its slots. */
export function isReady({ state, held, blockedBy, notBefore, resumesWith }: Task): boolean {
  if (held || blockedBy !== null || notBefore !== null) return false;
  return waitingStates.includes(state) || resumesWith !== null;
}
