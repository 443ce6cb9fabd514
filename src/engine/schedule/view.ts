import type { Snapshot, Working } from "../../store/queue-view.ts";
import type { ActiveAttempt } from "../attempt/active-attempt.ts";
import type { Engine } from "../engine.ts";
import type { Candidate, View } from "./plan.ts";

/**
 * Returns the snapshot with what can be done with each attempt. A waiting task that is already starting, or whose last
 * attempt is still ending, keeps its slots and is left out until that has finished.
 */
export function viewOf(engine: Engine, { queues, ...rest }: Snapshot): View {
  const busy = busyTasks(engine);
  return {
    ...rest,
    queues: queues.map((queue) => {
      const hidden = queue.waiting.filter(({ id }) => busy.has(id));
      return {
        ...queue,
        used: queue.used + hidden.reduce((sum, { slots }) => sum + slots, 0),
        waiting: hidden.length === 0 ? queue.waiting : queue.waiting.filter(({ id }) => !busy.has(id)),
        working: queue.working.map((task) => candidate(task, engine.active.get(task.id))),
      };
    }),
  };
}

function busyTasks({ starting, active }: Engine): Set<number> {
  const ending = [...active.values()].filter(({ isEnding }) => isEnding);
  return new Set([...starting, ...ending.map(({ taskId }) => taskId)]);
}

function candidate(task: Working, active: ActiveAttempt | undefined): Candidate {
  const isLeaving = active !== undefined && (active.isEnding || active.intent !== null || active.isDone);
  return { ...task, isLeaving, isPausable: active !== undefined && isPausable(task, active) };
}

/** Returns whether a pause by checkpoint loses nothing: the module has called a step, or the program supports it. */
function isPausable({ continues, pauseMode }: Working, active: ActiveAttempt): boolean {
  if (pauseMode === "freeze" || active.pausing || active.running === null) return false;
  if (active.isModule) return continues || active.isJournaled || active.hasSaved;
  return pauseMode === "checkpoint" || active.canCheckpoint;
}
