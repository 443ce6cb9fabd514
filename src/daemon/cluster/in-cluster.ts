import { AgentctlError } from "../../core/errors.ts";

/** Returns the error for a command that needs the store file of a single home. */
export function inCluster(reason: string): AgentctlError {
  return new AgentctlError("UnsupportedOperation", {
    reason: `this home is a machine of a cluster: ${reason}`,
    hint: "pg_dump keeps a copy of the database; agentctl cluster status",
  });
}
