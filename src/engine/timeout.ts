import type { Intent, Task } from "../core/task.ts";
import { canceling } from "./cancel.ts";
import type { Engine } from "./engine.ts";
import type { Live } from "./live.ts";

/** The longest delay that setTimeout takes. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Ends the attempt when the task has run for its time limit, over all attempts; paused time does not count. */
export function armTimeout(engine: Engine, live: Live, task: Task): void {
  if (live.timeout) clearTimeout(live.timeout);
  live.timeout = null;
  const { timeoutMs } = task;
  if (timeoutMs === null) return;
  const left = timeoutMs - task.runMs - (engine.clock.mono() - live.workingSince);
  live.timeout = setTimeout(
    () => {
      if (left > LONGEST_TIMER_MS) armTimeout(engine, live, task);
      else void expire(engine, live);
    },
    Math.min(Math.max(0, left), LONGEST_TIMER_MS),
  );
}

async function expire(engine: Engine, live: Live): Promise<void> {
  if (live.isEnding || live.frozen || live.intent) return;
  const intent: Intent = { kind: "timeout" };
  live.intent = intent;
  try {
    await engine.store.intend([{ id: live.taskId, attempt: live.attempt, intent }]);
  } catch (error) {
    engine.log.warn({ task: live.taskId, error: String(error) }, "a time-out could not be recorded");
  }
  await canceling(engine, live, engine.settings.cancelGraceMs);
}
