import { AgentctlError } from "../../core/errors.ts";
import type { Engine } from "../../engine/index.ts";
import { nearest } from "../../protocol/nearest.ts";

/** So many tasks that ended last are looked at for a name like the one that was not found. */
const RECENT = 200;
const MOST = 10_000;

/** The error for a task or queue that there is not, with the names that were probably meant. */
export async function withNearNames(engine: Engine, error: unknown): Promise<unknown> {
  if (!(error instanceof AgentctlError)) return error;
  const { name, data, message } = error;
  if (name === "TaskNotFound" && typeof data.id === "string" && !/^[\d,-]+$/.test(data.id)) {
    const tasks = await engine.store.list({ recent: RECENT, limit: MOST });
    const near = nearest(
      data.id,
      tasks.flatMap((task) => task.name ?? []),
    );
    return near.length === 0
      ? error
      : new AgentctlError(name, { ...data, near }, { message: meant(message, near) });
  }
  if (name === "QueueNotFound") {
    const queues = await engine.store.queues();
    const near = nearest(
      String(data.queue),
      queues.map((queue) => queue.name),
    );
    const hint = "agentctl queue list";
    return near.length === 0
      ? error
      : new AgentctlError(name, { ...data, near }, { message: meant(message, near), hint });
  }
  return error;
}

function meant(message: string, near: readonly string[]): string {
  return `${message}; did you mean ${near.join(" or ")}?`;
}
