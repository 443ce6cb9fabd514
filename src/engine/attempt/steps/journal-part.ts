import type { Task } from "../../../core/task.ts";
import type { JournalPart } from "../../../store/store.ts";
import type { Engine } from "../../engine.ts";

/** How much of a journal, in bytes, one message carries. It carries at least one result. */
const PART_BYTES = 4 * 1024 * 1024;

/** Returns the part of a task's journal after position `after` that fits in one message to the module's host. */
export async function journalPart(
  engine: Engine,
  { id, checkpoint }: Pick<Task, "id" | "checkpoint">,
  after: number,
): Promise<JournalPart> {
  return await engine.store.journalPart(id, { base: checkpoint?.base ?? 0, after, maxBytes: PART_BYTES });
}
