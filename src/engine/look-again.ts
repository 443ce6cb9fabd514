import { AgentctlError } from "../core/errors.ts";
import type { Task } from "../core/task.ts";
import type { Engine } from "./engine.ts";
import { hasMoved } from "./refusals.ts";

/** A task that moves more often than this under a request does not move because of what its user or its program does. */
const TRIES = 20;

/**
 * Does `act` with the task as it is. Where it moved on while that was under way (`act` answers undefined, or rejects for
 * that reason), looks at it again. Rejects with `UnsupportedOperation`, which names `agentctl doctor`, when it never holds still.
 */
export async function onceSettled<T>(
  engine: Engine,
  ref: string | number,
  act: (task: Task) => Promise<T | undefined>,
): Promise<T> {
  let task = await engine.require(ref);
  for (let tries = 0; tries < TRIES; tries++) {
    try {
      const answer = await act(task);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (!hasMoved(error)) throw error;
    }
    task = await engine.require(task.id);
  }
  const reason = `task ${task.id} is ${task.state} in the store, and what it does contradicts that`;
  const hint = "agentctl doctor";
  throw new AgentctlError("UnsupportedOperation", { id: task.id, state: task.state, reason, hint });
}
