import { isTerminal } from "../../core/machine.ts";
import type { TaskJson } from "../../protocol/methods.ts";

/** The exit code of who follows or waits for one task: the program's own, 1 for a failed module (126 or 127 where it could not be started), 130 for canceled. */
export function exitCodeOf(task: TaskJson): number {
  if (task.state === "completed") return 0;
  if (task.state === "canceled") return 130;
  if (task.kind !== "program" && task.error?.name !== "CannotStart") return 1;
  return task.exitCode || 1;
}

/** Whether the task has ended. */
export function hasEnded(task: TaskJson): boolean {
  return isTerminal(task.state);
}
