import type { Task } from "../../core/task.ts";
import { type Engine, isMemoryShort, slotsMax } from "../../engine/index.ts";
import type { Occupancy } from "../../store/queue-view.ts";

/** Everything besides the task itself that its JSON depends on: how full the queues are, their limits, the time. */
export interface Surroundings {
  queues: ReadonlyMap<string, Occupancy>;
  slotsMax: number | null;
  isMemoryShort: boolean;
  /** Tasks that no machine of the cluster takes. */
  untaken: ReadonlySet<number>;
  engine: Engine;
}

const NO_QUEUES: Surroundings["queues"] = new Map();
const NO_TASKS: Surroundings["untaken"] = new Set();

/** Returns the surroundings of tasks. Does not read the queues if none of `tasks` waits in one. */
export async function surroundings(
  engine: Engine,
  tasks?: readonly Pick<Task, "id" | "state" | "resumesWith">[],
): Promise<Surroundings> {
  const queued = tasks?.filter(isQueued);
  const queues = queued?.length === 0 ? NO_QUEUES : await engine.store.occupancy();
  const ids = queued?.map(({ id }) => id) ?? [];
  const untaken = ids.length > 0 && engine.cluster ? await engine.cluster.untaken(ids) : NO_TASKS;
  return { engine, queues, untaken, slotsMax: slotsMax(engine), isMemoryShort: isMemoryShort(engine) };
}

/** Returns whether the task waits to be started, or started again. */
export function isQueued({ state, resumesWith }: Pick<Task, "state" | "resumesWith">): boolean {
  return state === "submitted" || state === "resumed" || resumesWith !== null;
}
