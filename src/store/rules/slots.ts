import { AgentctlError } from "../../core/errors.ts";

/** Throws if a task takes more slots than its queue has: it would never start. A queue with 0 slots counts as stopped. */
export function requireFit({ queue, slots }: { queue: string; slots: number }, most: number | null): void {
  if (most === null || slots <= Math.max(1, most)) return;
  const reason = `${slots} are more slots than queue ${queue} has: ${most}`;
  const hint = `agentctl queue set ${queue} --slots ${slots}`;
  throw new AgentctlError("InvalidParams", { field: "slots", reason, queue, slots: most }, { hint });
}
