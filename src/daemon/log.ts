import { closeSync, copyFileSync, openSync, readSync, statSync, truncateSync } from "node:fs";
import { format } from "node:util";
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

/** What a library prints goes to the log: on stderr is only what Node itself says of a crash. */
export function takeConsole(log: DaemonLog): void {
  const printed = (...words: unknown[]) => log.warn({ printed: format(...words) }, "a library printed this");
  Object.assign(console, { debug: printed, error: printed, info: printed, log: printed, warn: printed });
}

/** So large the log may get; the part before it is kept in `daemon.log.1`. */
const MOST_LOG_BYTES = 16 * 1024 * 1024;

/** Begins the log again where it has grown too large. It is open for appending, so what is written next stands at its start. */
export function capLog(file: string, most: number = MOST_LOG_BYTES): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= most) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}

/** The end of what an earlier daemon printed is told, where the reason is. */
const MOST_TOLD_BYTES = 16 * 1024;

/** Takes into the log what Node itself printed as an earlier daemon crashed, and empties the file. */
export function tellStderr(log: DaemonLog, file: string): void {
  try {
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size === 0) return;
    const stderr = lastBytes(file, size);
    log.error({ stderr }, "an earlier daemon printed this, and may have crashed");
    truncateSync(file);
  } catch (error) {
    log.warn({ error: String(error) }, "what an earlier daemon printed could not be read");
  }
}

function lastBytes(file: string, size: number): string {
  const fd = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(Math.min(size, MOST_TOLD_BYTES));
    const length = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(fd);
  }
}
