import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../engine.ts";
import { resumeByItself } from "../verbs/resume.ts";

/** How often what could not be recorded is tried again, and for how long: an hour. */
const AGAIN_MS = 1000;
const TRIES = 3600;

/** Resumes what the stop of an earlier daemon paused; false where the store has no room to record that. */
export async function resumeStopped(engine: Engine, id: number): Promise<boolean> {
  const task = await engine.store.get(id);
  // Meanwhile somebody may have resumed it, and paused it himself.
  if (task?.state !== "suspended" || task.pause?.cause !== "shutdown") return true;
  return await resumeByItself(engine, id, "shutdown");
}

/**
 * Resumes those of these that a stop paused, as soon as there is room, unless another stop is under way. One at a time:
 * where it has none for the first, it has none for the others.
 */
export async function resumeWithRoom(engine: Engine, ids: readonly number[]): Promise<void> {
  try {
    let triesLeft = TRIES;
    for (const id of ids) {
      while (!engine.isGoingDown && !engine.isStopping && !(await resumeStopped(engine, id))) {
        if (--triesLeft === 0) throw new Error("the store has had no room for an hour: agentctl doctor");
        await delay(AGAIN_MS, undefined, { ref: false });
      }
    }
  } catch (error) {
    engine.log.error({ error: String(error) }, "what a stop paused could not be resumed");
  }
}
