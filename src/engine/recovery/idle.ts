import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";

const PAGE_SIZE = 1000;

/**
 * Returns whether nothing works here and nothing will start automatically. A task that waits for a time, a slot or a
 * retry will. A task that is held, asks or was paused waits for a person. A task with a dependency starts after that.
 */
export async function isIdle(engine: Engine): Promise<boolean> {
  const queues = await engine.store.queues();
  const held = new Set(queues.filter(({ heldBy }) => heldBy !== null).map(({ name }) => name));
  for (let afterId = 0; ; ) {
    const states = ["working", "submitted", "resumed", "suspended"] as const;
    const tasks = await engine.store.list({ states: [...states], afterId, limit: PAGE_SIZE });
    if (tasks.some((task) => willRun(engine, task, held))) return false;
    if (tasks.length < PAGE_SIZE) return true;
    afterId = tasks.at(-1)?.id ?? 0;
  }
}

function willRun({ cluster }: Engine, task: Task, heldQueues: ReadonlySet<string>): boolean {
  const { state, held, blockedBy, queue, resumesWith, pause, on, machine } = task;
  const thisMachine = cluster?.machine ?? null;
  if (state === "working") return machine === thisMachine;
  if (pause !== null && state === "suspended" && pause.until !== null) return true;
  if (state === "suspended" && resumesWith === null) return false;
  const canRunHere = thisMachine === null || on === null || on.includes(thisMachine);
  return !held && blockedBy === null && !heldQueues.has(queue) && canRunHere;
}
