import pino from "pino";
import type { Log } from "../engine/index.ts";

export type DaemonLog = Log & { fatal(facts: object, message: string): void };

/** The daemon's log: a line of JSON each on stdout, which is daemon.log unless it runs in the foreground. */
export function createLog(): DaemonLog {
  const options = { base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  const destination = pino.destination({ dest: 1, sync: true });
  // A log that cannot be written, on a full disk, is no reason to end.
  destination.on("error", () => {});
  return pino(options, destination);
}
