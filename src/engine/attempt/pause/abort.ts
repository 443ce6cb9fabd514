import type { AgentctlError } from "../../../core/errors.ts";
import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";
import { armTimeout } from "../timeout.ts";

/** A pause is off: the task is as it was, running or frozen, and whoever asked is told why. */
export async function abortPause(engine: Engine, active: ActiveAttempt, error: AgentctlError): Promise<void> {
  const isOurs = active.intent?.kind === "pause";
  const task = await engine.store.get(active.taskId);
  if (task?.frozen && active.running && isOurs) {
    active.freezes();
    await engine.runner.freeze(active.running).catch((failure) => {
      engine.log.warn(
        { task: active.taskId, error: String(failure) },
        "a frozen task could not be stopped again",
      );
    });
  }
  active.failPause(error);
  if (!isOurs) return;
  try {
    await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent: null }]);
  } catch (failure) {
    engine.log.warn(
      { task: active.taskId, error: String(failure) },
      "a pause that was aborted is still on record",
    );
  }
  // A time limit that was reached meanwhile was left to the pause.
  if (task && !task.frozen && !active.isEnding) armTimeout(engine, active, task);
}
