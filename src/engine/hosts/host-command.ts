import { existsSync } from "node:fs";
import { AgentctlError } from "../../core/errors.ts";
import type { Places } from "../ports.ts";

/**
 * Returns the command that starts a module host. An upgrade may have removed the Node of a running daemon; then the Node
 * on the PATH is used, as for `agentctl` inside a task.
 */
export function hostCommand({ node, host }: Pick<Places, "node" | "host">): string[] {
  return [existsSync(node) ? node : "node", host];
}

/** Returns an error if an upgrade has removed the file of the host; otherwise undefined. */
export function missingFiles({ host }: Pick<Places, "host">): AgentctlError | undefined {
  return existsSync(host) ? undefined : new AgentctlError("InstallationRemoved", { file: host });
}
