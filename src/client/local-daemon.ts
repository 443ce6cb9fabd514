import { createRequire } from "node:module";
import { AgentctlError, type WireError } from "../core/errors.ts";
import type { DoctorOptions, Report, Restored } from "../home/upkeep.ts";
import { daemonFile } from "./start.ts";

/** What the daemon's bundle exports. */
export interface DaemonBundle {
  run: (options: { foreground: boolean; hold: boolean; untilIdle: boolean }) => Promise<unknown>;
  restoreBackup: (backup: string, env: Record<string, string>) => Promise<Restored>;
  examine: (options: DoctorOptions) => Promise<Report>;
}

/** Runs the daemon in this very process, in the foreground, until it ends; throws why it cannot start. */
export async function runDaemonHere(options: { hold: boolean; untilIdle: boolean }): Promise<void> {
  await here((daemon) => daemon.run({ foreground: true, ...options }));
}

/** Puts a backup in the store's place, in this process, because no daemon may be running. */
export async function restoreHere(backup: string, env: Record<string, string>): Promise<Restored> {
  return await here((daemon) => daemon.restoreBackup(backup, env));
}

/** Looks at store, processes and files in this process; with `repair`, which wants the home for itself, mends them. */
export async function examineHere(options: DoctorOptions): Promise<Report> {
  return await here((daemon) => daemon.examine(options));
}

/** Does what the daemon's bundle can, in this process. */
export async function here<T>(work: (daemon: DaemonBundle) => Promise<T>): Promise<T> {
  // Not an import: the daemon's bundle stays a file of its own.
  const daemon = createRequire(daemonFile)(daemonFile) as DaemonBundle;
  try {
    return await work(daemon);
  } catch (error) {
    // The bundle has its own AgentctlError, which `instanceof` does not know here.
    const { toWire } = error as { toWire?: () => WireError };
    throw toWire ? AgentctlError.fromWire(toWire.call(error)) : error;
  }
}
