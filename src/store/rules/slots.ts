import { AgentctlError } from "../../core/errors.ts";

/** A task that takes more slots than its queue has would never start. A queue without slots is one that is stopped. */
export function requireFit({ queue, slots }: { queue: string; slots: number }, most: number | null): void {
  if (most === null || slots <= Math.max(1, most)) return;
  const reason = `${slots} are more slots than queue ${queue} has: ${most}`;
  const hint = `agentctl queue set ${queue} --slots ${slots}`;
  throw new AgentctlError("InvalidParams", { field: "slots", reason, queue, slots: most }, { hint });
}
