/** Pauses at a time to come. The task keeps the plan; the scheduler carries it out, or the end of the task drops it. */
import { AgentctlError } from "../../core/errors.ts";
import { isBeforeWork, isTerminal, openStates, pausableStates } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { pause } from "./pause.ts";
import {
  type Answers,
  answered,
  groupOf,
  pauseSelected,
  type Selector,
  selected,
  selectorOf,
} from "./select.ts";

/** Plans a pause of a task, in the place of one that was planned before, or with null none. `TaskNotPausable`. */
export async function planPause(engine: Engine, task: Task, plan: Task["pauseAt"]): Promise<Task> {
  if (isTerminal(task.state)) {
    throw new AgentctlError("TaskNotPausable", { id: task.id, state: task.state, allowed: pausableStates });
  }
  const changed = await engine.store.update(task.id, { pauseAt: plan }, { states: openStates });
  engine.wake();
  return changed;
}

/**
 * The same for each open task that the selector means now. Where it means whole queues, all that runs in them by
 * then is paused with the first of these, and the queues are held.
 */
export async function planSelected(
  engine: Engine,
  selector: Selector,
  plan: Task["pauseAt"],
): Promise<Answers> {
  const tasks = await selected(engine, selector, openStates);
  const mine = plan && { ...plan, group: groupOf(selector) };
  const results = await Promise.all(
    tasks.map((task) =>
      answered(task.id, async () => ({ task: await planPause(engine, task, mine), changed: true })),
    ),
  );
  return { results, left: [] };
}

/** The plan is dropped when the pause is recorded, so that a daemon that dies between the two leaves it to the next. */
export async function pauseAsPlanned(
  engine: Engine,
  task: Task,
  plan: NonNullable<Task["pauseAt"]>,
): Promise<void> {
  // That of another task has taken effect for this one too.
  if ((await engine.require(task.id)).pauseAt?.at !== plan.at) return;
  const { mode, graceMs, until, actor, reason, group } = plan;
  const common = { mode, until, reason, actor, cause: "user" as const, wait: false };
  const options = graceMs === null ? common : { ...common, graceMs };
  try {
    if (group) await pauseSelected(engine, selectorOf(group), options);
    else await pause(engine, task.id, options);
  } finally {
    await drop(engine, task, plan);
  }
}

/** What is kept from work by the hold of its queue needs no plan any more. */
async function drop(engine: Engine, { id }: Task, plan: NonNullable<Task["pauseAt"]>): Promise<void> {
  const { at, group } = plan;
  const tasks = group ? await selected(engine, selectorOf(group), openStates) : [await engine.require(id)];
  for (const { id: each, pauseAt, state } of tasks) {
    // One that has gone back into the queue, or asks, is paused when it starts.
    const isOver = group ? pauseAt?.group === group : !isBeforeWork(state);
    if (pauseAt?.at === at && isOver) await engine.store.update(each, { pauseAt: null });
  }
}
