import { AgentctlError } from "../core/errors.ts";
import type { Ports } from "./ports.ts";

/** Rejects with `MachineNotFound` if no machine matches, and always if the home is not in a cluster. */
export async function requireMachines(
  { cluster }: Pick<Ports, "cluster">,
  machines: readonly string[],
): Promise<void> {
  if (cluster) return await cluster.requireMachine(machines);
  const reason = "this home is not a machine of a cluster";
  throw new AgentctlError("MachineNotFound", {
    machine: machines[0] ?? "",
    reason,
    hint: "agentctl cluster init",
  });
}
