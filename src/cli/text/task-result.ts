import { isTerminal } from "../../core/machine.ts";
import type { TaskJson } from "../../protocol/methods.ts";

/** Returns a task's exit code: the program's, 1 for a failed module (126 or 127 if not started), 130 if canceled. */
export function exitCodeOf(task: TaskJson): number {
  if (task.state === "completed") return 0;
  if (task.state === "canceled") return 130;
  if (task.kind !== "program" && task.error?.name !== "CannotStart") return 1;
  return task.exitCode || 1;
}

/** Returns whether the task has ended. */
export function hasEnded(task: TaskJson): boolean {
  return isTerminal(task.state);
}
