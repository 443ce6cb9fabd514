import type { AgentctlError } from "../../../core/errors.ts";
import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";
import { armTimeout } from "../timeout.ts";

/** Aborts a pause: the task is running or frozen again, as before, and the pause rejects with `error`. */
export async function abortPause(engine: Engine, active: ActiveAttempt, error: AgentctlError): Promise<void> {
  const isPause = active.intent?.kind === "pause";
  const task = await engine.store.get(active.taskId);
  if (task?.frozen && active.running && isPause) {
    active.markFrozen();
    await engine.runner.freeze(active.running).catch((failure) => {
      engine.log.warn(
        { task: active.taskId, error: String(failure) },
        "a frozen task could not be stopped again",
      );
    });
  }
  active.failPause(error);
  if (!isPause) return;
  try {
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent: null }]);
  } catch (failure) {
    engine.log.warn(
      { task: active.taskId, error: String(failure) },
      "a pause that was aborted is still on record",
    );
  }
  // If the time limit was reached meanwhile, the pause took precedence: arm its timer again.
  if (task && !task.frozen && !active.isEnding) armTimeout(engine, active, task);
}
