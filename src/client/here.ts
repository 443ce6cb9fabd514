import { createRequire } from "node:module";
import { daemonFile } from "./start.ts";

/** Runs the daemon in this very process, in the foreground, until it ends; resolves with its exit code. */
export async function runDaemonHere(hold: boolean): Promise<number> {
  // Not an import: the daemon's bundle stays a file of its own.
  const daemon = createRequire(daemonFile)(daemonFile) as {
    run: (options: { foreground: boolean; hold: boolean }) => Promise<number | undefined>;
  };
  return (await daemon.run({ foreground: true, hold })) ?? 0;
}
