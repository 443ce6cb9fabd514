import type { Engine } from "../../engine.ts";
import { hasMoved } from "../../refusals.ts";
import type { ActiveAttempt } from "../active-attempt.ts";
import { causeOf, pauseOf } from "../conclude.ts";
import { abortPause } from "./abort.ts";
import { pauseFailed } from "./refused-signals.ts";
import { afterEnd, type Paused, type Request } from "./request.ts";

/** Pauses an attempt by stopping its processes where they are. */
export async function freeze(engine: Engine, { active, intent }: Request): Promise<Paused> {
  if (active.isEnding || !active.running) return await afterEnd(active);
  const running = active.running;
  try {
    await Promise.race([running.started.catch(() => {}), running.ended]);
    engine.fault("pause:before-freeze");
    const { processes, residentBytes } = await engine.runner.freeze(running);
    engine.fault("pause:after-freeze");
    if (engine.runner.isGone(running)) {
      // The program ended before we stopped it. Its guard must run to report how.
      engine.runner.thaw(running);
      return await afterEnd(active);
    }
    await active.steps?.take();
    if (active.isEnding || active.intent !== intent) return await afterEnd(active);
    const task = await engine.store.apply({
      id: active.taskId,
      transition: "suspend",
      attempt: active.attempt,
      at: engine.clock.now(),
      cause: causeOf(intent),
      actor: intent.actor,
      set: {
        frozen: true,
        pid: running.program?.pid ?? null,
        pause: pauseOf(intent, "frozen", engine.clock.now()),
      },
      ranMs: Math.round(engine.clock.mono() - active.workingSince),
    });
    active.markFrozen();
    if (active.intent === intent) active.dropRequest();
    active.setLimit(null);
    active.finishPause(task);
    engine.wake();
    return { task, changed: true, memoryBytes: residentBytes, processes };
  } catch (error) {
    return await undoFreeze(engine, active, error);
  }
}

async function undoFreeze(engine: Engine, active: ActiveAttempt, cause: unknown): Promise<Paused> {
  if (active.isEnding || hasMoved(cause) || active.intent?.kind !== "pause") return await afterEnd(active);
  if (active.running) engine.runner.thaw(active.running);
  const error = pauseFailed(active, cause);
  await abortPause(engine, active, error);
  throw error;
}
