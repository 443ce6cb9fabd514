import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { deleteTask } from "../files/retention.ts";

/**
 * Deletes an ended task with its files. Rejects with `UnsupportedOperation` for one that has not ended, and without
 * `force` for one whose worktree has what is nowhere else.
 */
export async function remove(
  engine: Engine,
  ref: string | number,
  { actor, force = false }: { actor: string; force?: boolean },
): Promise<Task> {
  const { id } = await engine.require(ref);
  return await deleteTask(engine, id, { actor, force });
}
