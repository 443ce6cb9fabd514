import { setImmediate as turn } from "node:timers/promises";
import type { Intent, Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import type { ActiveAttempt } from "./active-attempt.ts";
import { isElsewhere } from "./pause/elsewhere.ts";
import { repair } from "./repair.ts";

/** How long, in ms, to wait for a start that is under way. */
const MAX_START_MS = 1000;

/**
 * Returns the attempt of a task, once its process is made; undefined if the task has no process (any more). If the task
 * should have one but this daemon does not know it, repairs the task first. `request` is the request to be made of it.
 */
export async function findActive(
  engine: Engine,
  task: Task,
  request: Intent | null = null,
): Promise<ActiveAttempt | undefined> {
  if (isElsewhere(engine, task)) return undefined;
  const deadline = engine.clock.mono() + MAX_START_MS;
  const isMissing = () => (task.state === "working" || task.frozen) && !engine.active.has(task.id);
  // Its start may just have been committed: let the code that follows the commit run.
  if (isMissing()) await turn();
  while (isMissing() && engine.starting.has(task.id) && engine.clock.mono() < deadline) await turn();
  if (isMissing()) await repair(engine, task.id, request);
  const active = engine.active.get(task.id);
  if (active && !active.running && !active.isEnding) await active.launched;
  return active;
}
