import type { AgentctlError } from "../core/errors.ts";
import type { Engine } from "./engine.ts";
import { failPause, type Live } from "./live.ts";
import { armTimeout } from "./timeout.ts";

/** A pause is off: the task is as it was, at work or frozen, and whoever asked is told why. */
export async function withdraw(engine: Engine, live: Live, error: AgentctlError): Promise<void> {
  const isOurs = live.intent?.kind === "pause";
  const task = await engine.store.get(live.taskId);
  if (task?.frozen && live.running && isOurs) {
    await engine.runner.freeze(live.running);
    live.frozen = true;
  }
  failPause(live, error);
  if (!isOurs) return;
  try {
    await engine.store.intend([{ id: live.taskId, attempt: live.attempt, intent: null }]);
  } catch (failure) {
    engine.log.warn({ task: live.taskId, error: String(failure) }, "a withdrawn pause is still recorded");
  }
  // A time limit that was reached meanwhile was left to the pause.
  if (task && !task.frozen && !live.isEnding) armTimeout(engine, live, task);
}
