import { setTimeout as delay } from "node:timers/promises";
import type { Engine } from "../engine.ts";
import { resumeByItself } from "../verbs/resume.ts";

/** How often (in ms) and how many times a resume that could not be recorded is repeated: for an hour. */
const RETRY_MS = 1000;
const MAX_TRIES = 3600;

/** Resumes a task that the stop of an earlier daemon paused; returns false if the store has no room to record that. */
export async function resumeStopped(engine: Engine, id: number): Promise<boolean> {
  const task = await engine.store.get(id);
  // A user may have resumed the task and paused it again in the meantime.
  if (task?.state !== "suspended" || task.pause?.cause !== "shutdown") return true;
  return await resumeByItself(engine, id, "shutdown");
}

/**
 * Resumes those of the tasks that a stop paused, as soon as there is room, unless another stop begins. One at a time:
 * if there is no room for the first, there is none for the others.
 */
export async function resumeWithRoom(engine: Engine, ids: readonly number[]): Promise<void> {
  try {
    let triesLeft = MAX_TRIES;
    for (const id of ids) {
      while (!engine.isGoingDown && !engine.isStopping && !(await resumeStopped(engine, id))) {
        if (--triesLeft === 0) throw new Error("the store has had no room for an hour: agentctl doctor");
        await delay(RETRY_MS, undefined, { ref: false });
      }
    }
  } catch (error) {
    engine.log.error({ error: String(error) }, "what a stop paused could not be resumed");
  }
}
