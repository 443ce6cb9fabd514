import type { Intent, Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import type { ActiveAttempt } from "./active-attempt.ts";
import { endTree } from "./end-tree.ts";

/** The longest delay, in ms, that setTimeout takes. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Arms the timer for the time limit of the attempt, or of the task over all attempts. Paused time does not count. */
export function armTimeout(engine: Engine, active: ActiveAttempt, task: Task): void {
  active.setLimit(null);
  const limits = [
    { of: "attempt" as const, left: (task.attemptTimeoutMs ?? Number.POSITIVE_INFINITY) - task.attemptRunMs },
    { of: undefined, left: (task.timeoutMs ?? Number.POSITIVE_INFINITY) - task.runMs },
  ];
  // If both limits are reached together, the limit of the task decides.
  const { of, left: allowed } = limits.reduce((a, b) => (b.left <= a.left ? b : a));
  if (allowed === Number.POSITIVE_INFINITY) return;
  const left = allowed - (engine.clock.mono() - active.workingSince);
  const over = () => {
    if (left > LONGEST_TIMER_MS) armTimeout(engine, active, task);
    else void expire(engine, active, of);
  };
  active.setLimit(setTimeout(over, Math.min(Math.max(0, left), LONGEST_TIMER_MS)));
}

async function expire(engine: Engine, active: ActiveAttempt, of: "attempt" | undefined): Promise<void> {
  const intent: Intent = { kind: "timeout", ...(of ? { of } : {}) };
  if (!active.request(intent)) return;
  try {
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent }]);
  } catch (error) {
    engine.log.warn({ task: active.taskId, error: String(error) }, "a time-out could not be recorded");
  }
  await endTree(engine, active, engine.settings.cancelGraceMs);
}
