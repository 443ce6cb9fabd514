import { AgentctlError } from "../../core/errors.ts";

/** Throws if a task takes more slots than its queue has: it would never start. A queue with 0 slots counts as stopped. */
export function requireFit(
  { queue, slots }: { queue: string; slots: number },
  queueSlots: number | null,
): void {
  if (queueSlots === null || slots <= Math.max(1, queueSlots)) return;
  const reason = `${slots} are more slots than queue ${queue} has: ${queueSlots}`;
  const hint = `agentctl queue set ${queue} --slots ${slots}`;
  throw new AgentctlError("InvalidParams", { field: "slots", reason, queue, slots: queueSlots }, { hint });
}
