/**
 * The recovery when a daemon starts. The store says which attempts were live; the processes show which still are. We
 * find each such attempt by its run files or its token, and finish what was in progress.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Task } from "../../core/task.ts";
import type { Verdict } from "../attempt/classify.ts";
import { type Reclaimed, reclaim } from "../attempt/reclaim.ts";
import type { Engine } from "../engine.ts";
import { clean } from "./clean.ts";
import { resumeStopped, resumeWithRoom } from "./resume-stopped.ts";

/** How many attempts were found running, found ended, and started again. */
interface Counts {
  adopted: number;
  ended: number;
  started: number;
}

const countOf: Record<Verdict, keyof Counts> = {
  contradiction: "ended",
  "stays-frozen": "adopted",
  "frozen-as-asked": "adopted",
  "goes-on": "adopted",
  "finish-pause": "adopted",
  "finish-end": "adopted",
  "finish-leave": "adopted",
  unassigned: "started",
  "not-started": "started",
  ended: "ended",
  lost: "ended",
};

/** How long to wait for processes that ended attempts left and that have a grace time, in ms. */
const MAX_WAIT_MS = 1000;

/** Adopts, concludes or restarts every attempt that was live; returns how many of each. */
export async function recover(engine: Engine): Promise<Counts> {
  const counts: Counts = { adopted: 0, ended: 0, started: 0 };
  const keys = new Set<string>();
  const ends: Promise<unknown>[] = [];
  const waiting: number[] = [];
  await engine.runner.releaseOrphans();
  const page = (afterId: number) => engine.store.unfinished(afterId, 100);
  for (let tasks = await page(0); tasks.length > 0; tasks = await page((tasks.at(-1) as Task).id)) {
    for (const task of tasks) {
      if (task.state === "working" || task.frozen) {
        const reclaimed = await reclaim(engine, task);
        counts[countOf[reclaimed.verdict]]++;
        if (reclaimed.runKey) keys.add(reclaimed.runKey);
        const end = resumeWhenFinished(engine, task.id, reclaimed);
        if (countOf[reclaimed.verdict] === "ended") ends.push(end);
      }
      // If its process is gone, the handling of its end decides what happens to the task.
      const isEnding = engine.active.get(task.id)?.isEnding;
      if (!isEnding && !(await resumeStopped(engine, task.id))) waiting.push(task.id);
    }
  }
  void resumeWithRoom(engine, waiting);
  await Promise.race([Promise.all(ends), delay(MAX_WAIT_MS, undefined, { ref: false })]);
  engine.fault("recover:before-clean");
  await clean(engine, keys);
  engine.fault("recover:after-clean");
  return counts;
}

/** Waits for the end of a pause that an earlier daemon began, and resumes the task if that pause was for a stop. */
async function resumeWhenFinished(engine: Engine, id: number, { finished }: Reclaimed): Promise<void> {
  if (!finished) return;
  try {
    await finished;
  } catch {
    // The pause failed; its callers get the error.
    return;
  }
  await resumeWithRoom(engine, [id]);
}
