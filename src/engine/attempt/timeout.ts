import type { Intent, Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import type { ActiveAttempt } from "./active-attempt.ts";
import { endTree } from "./end-tree.ts";

/** The longest delay, in ms, that setTimeout takes. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Arms the timer for the time limit of the attempt, or of the task over all attempts. Paused time does not count. */
export function armTimeout(engine: Engine, active: ActiveAttempt, task: Task): void {
  active.setLimit(null);
  const limits = [
    { of: "attempt" as const, left: (task.attemptTimeoutMs ?? Number.POSITIVE_INFINITY) - task.attemptRunMs },
    { of: undefined, left: (task.timeoutMs ?? Number.POSITIVE_INFINITY) - task.runMs },
  ];
  // If both limits are reached together, the limit of the task decides.
  const { of: scope, left: remainingRunMs } = limits.reduce((a, b) => (b.left <= a.left ? b : a));
  if (remainingRunMs === Number.POSITIVE_INFINITY) return;
  const remainingMs = remainingRunMs - (engine.clock.mono() - active.workingSince);
  const onTimer = () => {
    if (remainingMs > MAX_TIMER_MS) armTimeout(engine, active, task);
    else void expire(engine, active, scope);
  };
  active.setLimit(setTimeout(onTimer, Math.min(Math.max(0, remainingMs), MAX_TIMER_MS)));
}

async function expire(engine: Engine, active: ActiveAttempt, scope: "attempt" | undefined): Promise<void> {
  const intent: Intent = { kind: "timeout", ...(scope ? { of: scope } : {}) };
  if (!active.request(intent)) return;
  try {
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent }]);
  } catch (error) {
    engine.log.warn({ task: active.taskId, error: String(error) }, "a time-out could not be recorded");
  }
  await endTree(engine, active, engine.settings.cancelGraceMs);
}
