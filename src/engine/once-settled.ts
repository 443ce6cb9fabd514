import { AgentctlError } from "../core/errors.ts";
import type { Task } from "../core/task.ts";
import type { Engine } from "./engine.ts";
import { hasMoved } from "./refusals.ts";

/** How many tries a request gets. Neither a user nor a program changes a task's state this often in that time. */
const MAX_TRIES = 20;

/**
 * Calls `act` with the task. If the task has changed state in the meantime (`act` returns undefined, or rejects for
 * that reason), reads the task and tries again. Rejects with `UnsupportedOperation`, which suggests `agentctl doctor`,
 * if no try succeeds.
 */
export async function onceSettled<T>(
  engine: Engine,
  ref: string | number,
  act: (task: Task) => Promise<T | undefined>,
): Promise<T> {
  let task = await engine.require(ref);
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    try {
      const result = await act(task);
      if (result !== undefined) return result;
    } catch (error) {
      if (!hasMoved(error)) throw error;
    }
    task = await engine.require(task.id);
  }
  const reason = `task ${task.id} is ${task.state} in the store, and what it does contradicts that`;
  const hint = "agentctl doctor";
  throw new AgentctlError("UnsupportedOperation", { id: task.id, state: task.state, reason, hint });
}
