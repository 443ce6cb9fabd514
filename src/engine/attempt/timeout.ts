import type { Intent, Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import type { ActiveAttempt } from "./active-attempt.ts";
import { endTree } from "./end-tree.ts";

/** The longest delay that setTimeout takes. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Ends the attempt when the task has run for its time limit, over all attempts; paused time does not count. */
export function armTimeout(engine: Engine, active: ActiveAttempt, task: Task): void {
  if (active.timeout) clearTimeout(active.timeout);
  active.timeout = null;
  const { timeoutMs } = task;
  if (timeoutMs === null) return;
  const left = timeoutMs - task.runMs - (engine.clock.mono() - active.workingSince);
  active.timeout = setTimeout(
    () => {
      if (left > LONGEST_TIMER_MS) armTimeout(engine, active, task);
      else void expire(engine, active);
    },
    Math.min(Math.max(0, left), LONGEST_TIMER_MS),
  );
}

async function expire(engine: Engine, active: ActiveAttempt): Promise<void> {
  if (active.isEnding || active.frozen || active.intent) return;
  const intent: Intent = { kind: "timeout" };
  active.intent = intent;
  try {
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent }]);
  } catch (error) {
    engine.log.warn({ task: active.taskId, error: String(error) }, "a time-out could not be recorded");
  }
  await endTree(engine, active, engine.settings.cancelGraceMs);
}
