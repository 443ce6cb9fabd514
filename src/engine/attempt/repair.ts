import type { Intent } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { isElsewhere } from "./pause/elsewhere.ts";
import { reclaim } from "./reclaim.ts";

/**
 * Repairs a task that the store says is working or frozen but of which this daemon knows no attempt: finds its process
 * again, or records its end. Resolves when that is done; does nothing for any other task. `request` is the request being
 * made of the task, and decides what becomes of it if it is lost.
 */
export async function repair(engine: Engine, id: number, request: Intent | null = null): Promise<void> {
  const pending = engine.repairs.get(id);
  if (await pending) return await pending;
  const repairing = repairOnce(engine, id, request).finally(() => engine.repairs.delete(id));
  engine.repairs.set(id, repairing);
  await repairing;
}

async function repairOnce(engine: Engine, id: number, request: Intent | null): Promise<void> {
  const task = await engine.store.get(id);
  if (!task || engine.active.has(id) || engine.starting.has(id) || engine.isRecovering) return;
  if (task.state !== "working" && !task.frozen) return;
  if (isElsewhere(engine, task)) return;
  const { verdict, finished } = await reclaim(engine, task, request);
  engine.log.warn({ task: id, verdict }, "a task that was working in the store was not known here: repaired");
  // A pause that was under way goes on in the background.
  if (verdict !== "finish-pause") await finished;
  engine.wake();
}
