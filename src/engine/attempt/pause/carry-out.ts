import { asAgentctlError } from "../../../core/errors.ts";
import type { PauseIntent, Task } from "../../../core/task.ts";
import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";
import { abortPause } from "./abort.ts";
import { ask, setGrace } from "./ask.ts";
import { freeze } from "./freeze.ts";
import { requireSignals } from "./refused-signals.ts";
import type { Paused, PauseOptions, Request } from "./request.ts";

/** Carries out a recorded pause. Resolves when the task is suspended, or at once with `wait: false`. */
export async function carryOut(
  engine: Engine,
  request: Request,
  options: { wait?: boolean },
): Promise<Paused> {
  const { active, task, intent } = request;
  if (!active.running) await active.launched;
  // If the attempt ended meanwhile, its pause is already settled.
  const promise = active.pausing?.promise ?? active.ended.promise;
  const done =
    intent.mode === "freeze"
      ? freeze(engine, request)
      : askForCheckpoint(engine, active, task, intent, promise);
  if (options.wait === false) {
    done.catch((error) => engine.log.warn({ task: task.id, error: String(error) }, "a pause failed"));
    return { task: await engine.require(task.id), changed: true };
  }
  return await done;
}

async function askForCheckpoint(
  engine: Engine,
  active: ActiveAttempt,
  task: Task,
  intent: PauseIntent,
  done: Promise<Task>,
) {
  try {
    requireSignals(engine, active);
  } catch (error) {
    await abortPause(engine, active, asAgentctlError(error));
    throw error;
  }
  await ask(engine, active, task, intent);
  return { task: await done, changed: true };
}

/**
 * Joins the pause under way: a second request waits for the same end. If it names a grace time, that starts now. A
 * freeze has no grace time, and is never followed by a kill.
 */
export async function join(engine: Engine, active: ActiveAttempt, options: PauseOptions): Promise<Paused> {
  const { graceMs, wait } = options;
  const { promise } = active.pausing as NonNullable<ActiveAttempt["pausing"]>;
  const isCheckpoint = active.intent?.kind === "pause" && active.intent.mode === "checkpoint";
  if (graceMs !== undefined && isCheckpoint) setGrace(engine, active, graceMs);
  await transferToUser(engine, active, options);
  if (wait === false) return { task: await engine.require(active.taskId), changed: true };
  return { task: await promise, changed: true };
}

/** Makes the daemon's own pause the user's, if a user's request joins it: from then on only the user resumes it. */
async function transferToUser(engine: Engine, active: ActiveAttempt, options: PauseOptions): Promise<void> {
  const { intent } = active;
  if (intent?.kind !== "pause" || intent.cause === "user" || options.cause !== "user") return;
  const { cause, actor, reason = null, until = null } = options;
  Object.assign(intent, { cause, actor, reason, until, resumesWith: null });
  await engine.store.intend([{ id: active.taskId, attempt: active.attempt, intent }]);
}
