import { setImmediate as turn } from "node:timers/promises";
import type { Intent, Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import type { ActiveAttempt } from "./active-attempt.ts";
import { isElsewhere } from "./pause/elsewhere.ts";
import { repair } from "./repair.ts";

/** A start that takes longer than this is not waited for. */
const LONGEST_START_MS = 1000;

/**
 * The attempt of a task that has a process, as soon as that is made; undefined when it has none (any more). A task that
 * should have one, and of which nobody knows it, is repaired first, with `wanted` as what is being asked of it.
 */
export async function findActive(
  engine: Engine,
  task: Task,
  wanted: Intent | null = null,
): Promise<ActiveAttempt | undefined> {
  if (isElsewhere(engine, task)) return undefined;
  const until = engine.clock.mono() + LONGEST_START_MS;
  const isMissing = () => (task.state === "working" || task.frozen) && !engine.active.has(task.id);
  // Its start is committed, and what follows that has its turn.
  if (isMissing()) await turn();
  while (isMissing() && engine.starting.has(task.id) && engine.clock.mono() < until) await turn();
  if (isMissing()) await repair(engine, task.id, wanted);
  const active = engine.active.get(task.id);
  if (active && !active.running && !active.isEnding) await active.launched;
  return active;
}
