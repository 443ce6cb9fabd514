import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { onceSettled } from "../once-settled.ts";
import { setHeld } from "./hold.ts";

/** Releases a held task, so that it can start. Rejects with `TaskImmutable` if it has ended. */
export async function release(
  engine: Engine,
  ref: string | number,
  { actor }: { actor: string },
): Promise<{ task: Task; changed: boolean }> {
  return await onceSettled(engine, ref, (task) => setHeld(engine, task, { held: false, actor }));
}
