import { AgentctlError, type ErrorName } from "../../core/errors.ts";
import type { Engine } from "../../engine/index.ts";
import { nearest } from "../../protocol/nearest.ts";

/** How many of the most recently ended tasks are searched for a similar name. */
const RECENT_TASKS = 200;
const MAX_TASKS = 10_000;

/** Returns the error for an unknown task, queue or schedule, with the names that were probably meant. */
export async function withNearNames(engine: Engine, error: unknown): Promise<unknown> {
  if (!(error instanceof AgentctlError)) return error;
  const { name, data, message } = error;
  const query = await queryOf(engine, error);
  const near = query ? nearest(query.typed, query.names) : [];
  if (near.length === 0) return error;
  const words = `${message}; did you mean ${near.join(" or ")}?`;
  return new AgentctlError(name as ErrorName, { ...data, near }, { message: words });
}

/** Returns the name that was not found and the existing names, or undefined if no name was given. */
async function queryOf(
  { store }: Engine,
  { name, data }: AgentctlError,
): Promise<{ typed: string; names: string[] } | undefined> {
  if (name === "TaskNotFound" && typeof data.id === "string" && !/^[\d,-]+$/.test(data.id)) {
    const tasks = await store.list({ recent: RECENT_TASKS, limit: MAX_TASKS });
    return { typed: data.id, names: tasks.flatMap((task) => task.name ?? []) };
  }
  if (name === "QueueNotFound") {
    const queues = await store.queues();
    return { typed: String(data.queue), names: queues.map((queue) => queue.name) };
  }
  if (name === "ScheduleNotFound") {
    const schedules = await store.schedules.list();
    return { typed: String(data.schedule), names: schedules.map((schedule) => schedule.name) };
  }
  return undefined;
}
