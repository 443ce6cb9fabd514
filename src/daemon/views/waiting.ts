import type { Task } from "../../core/task.ts";
import { toIso } from "../../core/time.ts";
import type { TaskJson } from "../../protocol/methods.ts";
import { isQueued, type Surroundings } from "./surroundings.ts";

/** The fields that decide what a task waits for. */
export const WAITING_FIELDS = [
  "id",
  "state",
  "notBefore",
  "question",
  "pause",
  "resumesWith",
  "held",
  "blockedBy",
  "delay",
  "agent",
  "queue",
  "slots",
  "on",
] as const satisfies readonly (keyof Task)[];

/** What holds a task back if neither the task nor its queue is held: `daemon start --hold`. */
const DAEMON = "daemon";

/** Returns what an open task without a slot waits for, or null if it waits only for a person's resume. */
export function waitingOf(
  task: Pick<Task, (typeof WAITING_FIELDS)[number]>,
  context: Surroundings,
): TaskJson["waiting"] {
  const until = toIso(task.notBefore);
  if (task.state === "input-required")
    return { for: "answer", on: null, until: toIso(task.question?.deadline ?? null) };
  if (task.state === "suspended" && task.pause?.until)
    return { for: "time", on: null, until: toIso(task.pause.until) };
  if (!isQueued(task)) return null;
  if (task.held) return { for: "hold", on: null, until };
  if (task.blockedBy !== null) return { for: "task", on: task.blockedBy, until };
  if (task.delay !== null && task.notBefore !== null)
    return { for: task.delay, on: task.delay === "limit" ? task.agent : null, until };
  if (context.queues.get(task.queue)?.held) return { for: "queue", on: task.queue, until: null };
  // The daemon responds, and starts nothing.
  if (context.engine.isHolding) return { for: "hold", on: DAEMON, until: null };
  if (context.isMemoryShort || task.resumesWith === "memory") {
    return { for: "memory", on: "memory.reserve", until: null };
  }
  const machine = context.engine.cluster?.machine;
  const isFit = !context.untaken.has(task.id) && (task.on?.includes(machine ?? "") ?? true);
  if (machine !== undefined && !isFit)
    return { for: "machine", on: task.on?.join(" ") ?? machine, until: null };
  return { ...waitingForSlots(task, context), until: null };
}

/** Waiting for several slots, or for a slot under the limit over all queues, is shown differently from one slot. */
function waitingForSlots(
  { queue, slots }: Pick<Task, "queue" | "slots">,
  { queues, slotsMax, engine: { cluster } }: Surroundings,
) {
  const { slots: queueSlots, used, usedInAll } = queues.get(queue) ?? { slots: null, used: 0, usedInAll: 0 };
  const hasRoomInQueue = queueSlots === null || used + slots <= queueSlots;
  const hasRoomInAll = slotsMax === null || usedInAll + slots <= slotsMax;
  // No setting gives a machine more slots, and another machine may be free first.
  if (hasRoomInQueue && !hasRoomInAll && cluster && slotsMax === cluster.slots)
    return { for: "machine" as const, on: cluster.machine };
  if (hasRoomInQueue && !hasRoomInAll) return { for: "slots" as const, on: "slots.max" };
  return { for: slots > 1 ? ("slots" as const) : ("slot" as const), on: queue };
}
