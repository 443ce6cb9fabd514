import { createRequire } from "node:module";
import { AgentctlError, type WireError } from "../core/errors.ts";
import { daemonFile } from "./start.ts";

/** What the daemon's bundle exports. */
interface DaemonBundle {
  run: (options: { foreground: boolean; hold: boolean }) => Promise<unknown>;
}

/** Runs the daemon in this very process, in the foreground, until it ends; throws why it cannot start. */
export async function runDaemonHere(hold: boolean): Promise<void> {
  // Not an import: the daemon's bundle stays a file of its own.
  const daemon = createRequire(daemonFile)(daemonFile) as DaemonBundle;
  try {
    await daemon.run({ foreground: true, hold });
  } catch (error) {
    // The bundle has its own AgentctlError, which `instanceof` does not know here.
    const { toWire } = error as { toWire?: () => WireError };
    throw toWire ? AgentctlError.fromWire(toWire.call(error)) : error;
  }
}
