/** Pauses at a time to come. The task keeps the plan; the scheduler carries it out, or the end of the task drops it. */
import { AgentctlError } from "../core/errors.ts";
import { isTerminal, openStates, pausableStates } from "../core/machine.ts";
import type { Task } from "../core/task.ts";
import type { Engine } from "./engine.ts";
import { type Answers, answered, meant, type Selector } from "./select.ts";

/** Plans a pause of a task, in the place of one that was planned before, or with null none. `TaskNotPausable`. */
export async function planPause(engine: Engine, task: Task, plan: Task["pauseAt"]): Promise<Task> {
  if (isTerminal(task.state)) {
    throw new AgentctlError("TaskNotPausable", { id: task.id, state: task.state, allowed: pausableStates });
  }
  const changed = await engine.store.update(task.id, { pauseAt: plan }, { states: openStates });
  engine.kick();
  return changed;
}

/** The same for each open task that the selector means now; no queue is held. */
export async function planSelected(
  engine: Engine,
  selector: Selector,
  plan: Task["pauseAt"],
): Promise<Answers> {
  const tasks = await meant(engine, selector, openStates);
  const results = await Promise.all(
    tasks.map((task) =>
      answered(task.id, async () => ({ task: await planPause(engine, task, plan), changed: true })),
    ),
  );
  return { results, left: [] };
}
