import { createRequire } from "node:module";
import { AgentctlError, type WireError } from "../core/errors.ts";
import type { DoctorOptions, Report, Restored } from "../home/upkeep.ts";
import { daemonFile } from "./start.ts";

/** The exports of the daemon's bundle. */
export interface DaemonBundle {
  run: (options: { foreground: boolean; hold: boolean; untilIdle: boolean }) => Promise<unknown>;
  restoreBackup: (backup: string, env: Record<string, string>) => Promise<Restored>;
  examine: (options: DoctorOptions) => Promise<Report>;
}

/** Runs the daemon in this process, in the foreground, until it ends. Throws the reason if it cannot start. */
export async function runDaemonHere(options: { hold: boolean; untilIdle: boolean }): Promise<void> {
  await withDaemonBundle((daemon) => daemon.run({ foreground: true, ...options }));
}

/** Replaces the store with a backup, in this process, because no daemon may be running. */
export async function restoreHere(backup: string, env: Record<string, string>): Promise<Restored> {
  return await withDaemonBundle((daemon) => daemon.restoreBackup(backup, env));
}

/**
 * Checks store, processes and files in this process. With `repair`, also repairs them; that needs the home for itself.
 */
export async function examineHere(options: DoctorOptions): Promise<Report> {
  return await withDaemonBundle((daemon) => daemon.examine(options));
}

/** Runs `work` with the daemon's bundle, in this process. */
export async function withDaemonBundle<T>(work: (daemon: DaemonBundle) => Promise<T>): Promise<T> {
  // Not an import, so that the daemon's bundle stays a separate file.
  const daemon = createRequire(daemonFile)(daemonFile) as DaemonBundle;
  try {
    return await work(daemon);
  } catch (error) {
    // The bundle has its own AgentctlError class, so `instanceof` does not work here.
    const { toWire } = error as { toWire?: () => WireError };
    throw toWire ? AgentctlError.fromWire(toWire.call(error)) : error;
  }
}
