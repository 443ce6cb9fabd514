import type { AgentctlError } from "../core/errors.ts";
import type { Engine } from "./engine.ts";
import { failPause, type Live } from "./live.ts";
import { armTimeout } from "./timeout.ts";

/** A pause is off: the task goes on as it was, and whoever asked is told why. */
export async function withdraw(engine: Engine, live: Live, error: AgentctlError): Promise<void> {
  failPause(live, error);
  try {
    await engine.store.intend([{ id: live.taskId, attempt: live.attempt, intent: null }]);
  } catch (failure) {
    engine.log.warn({ task: live.taskId, error: String(failure) }, "a withdrawn pause is still recorded");
  }
  // A time limit that was reached meanwhile was left to the pause.
  const task = await engine.store.get(live.taskId);
  if (task && !live.isEnding) armTimeout(engine, live, task);
}
