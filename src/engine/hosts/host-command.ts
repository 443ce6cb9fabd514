import { existsSync } from "node:fs";
import { AgentctlError } from "../../core/errors.ts";
import type { Places } from "../ports.ts";

/**
 * What starts a module host. An upgrade may remove the Node of a daemon that runs on: the one of the PATH takes its place,
 * as in a task's `agentctl`.
 */
export function hostCommand({ node, host }: Pick<Places, "node" | "host">): string[] {
  return [existsSync(node) ? node : "node", host];
}

/** What no host can be started without, and an upgrade has removed; undefined where all is there. */
export function missingFiles({ host }: Pick<Places, "host">): AgentctlError | undefined {
  return existsSync(host) ? undefined : new AgentctlError("InstallationRemoved", { file: host });
}
