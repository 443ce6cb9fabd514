import type { Task } from "../../core/task.ts";
import type { Occupancy } from "../queue-view.ts";
import type { Change } from "../store.ts";

/** Returns whether a queue that is not held has enough free slots for a task, and those of these numbers. */
export function hasRoom(
  { slots }: Pick<Task, "slots">,
  queue: Occupancy | undefined,
  { slotsMax, slotNumbers }: NonNullable<Change["fromQueue"]>,
): boolean {
  if (!queue || queue.held) return false;
  if (queue.used + slots > (queue.slots ?? Number.POSITIVE_INFINITY)) return false;
  if (queue.usedInAll + slots > (slotsMax ?? Number.POSITIVE_INFINITY)) return false;
  return (slotNumbers ?? []).every((number) => !queue.numbers.includes(number));
}
