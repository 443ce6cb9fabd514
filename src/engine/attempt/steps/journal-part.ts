import type { Task } from "../../../core/task.ts";
import type { JournalPart } from "../../../store/store.ts";
import type { Engine } from "../../engine.ts";

/** So much of a journal goes in one line, and at least one result. */
const PART_BYTES = 4 * 1024 * 1024;

/** The part of a task's journal behind position `after`, as much as fits a line, for the host of its module. */
export async function journalPart(
  engine: Engine,
  { id, checkpoint }: Pick<Task, "id" | "checkpoint">,
  after: number,
): Promise<JournalPart> {
  return await engine.store.journalPart(id, { base: checkpoint?.base ?? 0, after, maxBytes: PART_BYTES });
}
