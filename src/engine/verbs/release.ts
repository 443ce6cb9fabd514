import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { onceSettled } from "../look-again.ts";
import { setHeld } from "./hold.ts";

/** Lets a held task start again. Rejects with `TaskImmutable` when it has ended. */
export async function release(
  engine: Engine,
  ref: string | number,
  { actor }: { actor: string },
): Promise<{ task: Task; changed: boolean }> {
  return await onceSettled(engine, ref, (task) => setHeld(engine, task, { held: false, actor }));
}
