import { AgentctlError } from "../../core/errors.ts";

/** What is there for the file of one home is refused in a cluster. */
export function inCluster(reason: string): AgentctlError {
  return new AgentctlError("UnsupportedOperation", {
    reason: `this home is a machine of a cluster: ${reason}`,
    hint: "pg_dump keeps a copy of the database; agentctl cluster status",
  });
}
