import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { deleteTask } from "../files/retention.ts";

/**
 * Deletes an ended task with its files. Rejects with `UnsupportedOperation` if the task has not ended, or, without
 * `force`, if its worktree has work that exists nowhere else.
 */
export async function remove(
  engine: Engine,
  ref: string | number,
  { actor, force = false }: { actor: string; force?: boolean },
): Promise<Task> {
  const { id } = await engine.require(ref);
  return await deleteTask(engine, id, { actor, force });
}
