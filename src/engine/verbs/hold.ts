import { AgentctlError } from "../../core/errors.ts";
import { isTerminal, openStates } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { onceSettled } from "../once-settled.ts";
import { refuseMoved } from "../refusals.ts";

/** The states in which a task can be held: every open state except working. */
const holdable = openStates.filter((state) => state !== "working");

/** Keeps a task that is not working from starting. Rejects with `TaskImmutable` or `UnsupportedOperation`. */
export async function hold(
  engine: Engine,
  ref: string | number,
  { actor }: { actor: string },
): Promise<{ task: Task; changed: boolean }> {
  return await onceSettled(engine, ref, async (task) => {
    if (task.state === "working") throw notHoldable(task);
    return await setHeld(engine, task, { held: true, actor });
  });
}

function notHoldable({ id, state }: Task): AgentctlError {
  const reason = `task ${id} is working: hold keeps back what is not running yet`;
  const hint = `agentctl pause ${id}`;
  return new AgentctlError("UnsupportedOperation", { id, state, allowed: holdable, reason, hint });
}

/** Resolves to undefined if the task was started or ended in the meantime. */
export async function setHeld(
  engine: Engine,
  task: Task,
  { held, actor }: { held: boolean; actor: string },
): Promise<{ task: Task; changed: boolean } | undefined> {
  const { id, state } = task;
  refuseMoved(task);
  if (isTerminal(state)) throw new AgentctlError("TaskImmutable", { id, state, allowed: openStates });
  if (task.held === held) return { task, changed: false };
  const event = { cause: held ? "hold" : "release", actor, at: engine.clock.now() };
  const states = held ? holdable : openStates;
  try {
    const changed = await engine.store.update(id, { held }, { states, event });
    engine.wake();
    return { task: changed, changed: true };
  } catch (error) {
    if (error instanceof AgentctlError && error.name === "TaskImmutable") return undefined;
    throw error;
  }
}
