import type { Snapshot, Working } from "../../store/queue-view.ts";
import type { ActiveAttempt } from "../attempt/active-attempt.ts";
import type { Engine } from "../engine.ts";
import type { Candidate, View } from "./plan.ts";

/**
 * The snapshot with what the attempts allow. Tasks that are being started keep their slots, and those whose attempt is on
 * its way out theirs: what follows from that comes first.
 */
export function viewOf(engine: Engine, { queues, ...rest }: Snapshot): View {
  const busy = busyTasks(engine);
  return {
    ...rest,
    queues: queues.map((queue) => {
      const kept = queue.waiting.filter(({ id }) => busy.has(id));
      return {
        ...queue,
        used: queue.used + kept.reduce((sum, { slots }) => sum + slots, 0),
        waiting: kept.length === 0 ? queue.waiting : queue.waiting.filter(({ id }) => !busy.has(id)),
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

/** Whether a pause by checkpoint loses nothing: a module has called a step, a program has shown that it takes part. */
function isPausable({ continues, pauseMode }: Working, active: ActiveAttempt): boolean {
  if (pauseMode === "freeze" || active.pausing || active.running === null) return false;
  if (active.isModule) return continues || active.isJournaled || active.saved;
  return pauseMode === "checkpoint" || active.canCheckpoint;
}
