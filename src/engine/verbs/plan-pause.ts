/** Pauses at a future time. The task stores the plan; the scheduler carries it out, or the end of the task drops it. */
import { AgentctlError } from "../../core/errors.ts";
import { isBeforeWork, isTerminal, openStates, pausableStates } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { pause } from "./pause.ts";
import {
  type Answers,
  answerFor,
  groupOf,
  listSelected,
  pauseSelected,
  type Selector,
  selectorOf,
} from "./select.ts";

/** Plans a pause of a task and replaces an earlier plan; null removes the plan. Rejects with `TaskNotPausable`. */
export async function planPause(engine: Engine, task: Task, plan: Task["pauseAt"]): Promise<Task> {
  if (isTerminal(task.state)) {
    throw new AgentctlError("TaskNotPausable", { id: task.id, state: task.state, allowed: pausableStates });
  }
  const changed = await engine.store.update(task.id, { pauseAt: plan }, { states: openStates });
  engine.wake();
  return changed;
}

/**
 * Plans the pause for each open task that the selector matches now. If the selector means whole queues, every task that
 * runs in them at the first planned time is paused, and the queues are held.
 */
export async function planSelected(
  engine: Engine,
  selector: Selector,
  plan: Task["pauseAt"],
): Promise<Answers> {
  const tasks = await listSelected(engine, selector, openStates);
  const groupPlan = plan && { ...plan, group: groupOf(selector) };
  const results = await Promise.all(
    tasks.map((task) =>
      answerFor(task.id, async () => ({ task: await planPause(engine, task, groupPlan), changed: true })),
    ),
  );
  return { results, left: [] };
}

/** Carries out a plan, and drops it after the pause is recorded: if the daemon dies before, the next one finds it. */
export async function pauseAsPlanned(
  engine: Engine,
  task: Task,
  plan: NonNullable<Task["pauseAt"]>,
): Promise<void> {
  // The plan of another task of the same group may have been carried out for this task too.
  if ((await engine.require(task.id)).pauseAt?.at !== plan.at) return;
  const { mode, graceMs, until, actor, reason, group } = plan;
  const common = { mode, until, reason, actor, cause: "user" as const, wait: false };
  const options = graceMs === null ? common : { ...common, graceMs };
  try {
    if (group) await pauseSelected(engine, selectorOf(group), options);
    else await pause(engine, task.id, options);
  } finally {
    await dropPlan(engine, task, plan);
  }
}

/** Drops a plan that was carried out. A task in a held queue cannot start, so it needs its plan no longer. */
async function dropPlan(engine: Engine, { id }: Task, plan: NonNullable<Task["pauseAt"]>): Promise<void> {
  const { at, group } = plan;
  const tasks = group
    ? await listSelected(engine, selectorOf(group), openStates)
    : [await engine.require(id)];
  for (const { id: taskId, pauseAt, state } of tasks) {
    // A task that has gone back into the queue, or asks a question, keeps its plan and is paused when it starts.
    const isDone = group ? pauseAt?.group === group : !isBeforeWork(state);
    if (pauseAt?.at === at && isDone) await engine.store.update(taskId, { pauseAt: null });
  }
}
