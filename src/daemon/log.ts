import { closeSync, copyFileSync, openSync, readSync, statSync, truncateSync } from "node:fs";
import { format } from "node:util";
import pino from "pino";
import type { Log } from "../engine/index.ts";

export type DaemonLog = Log & { fatal(fields: object, message: string): void };

/** Creates the daemon's log: lines of JSON on stdout, which is daemon.log unless the daemon runs in the foreground. */
export function createLog(): DaemonLog {
  const options = { base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime };
  const destination = pino.destination({ dest: 1, sync: true });
  // A failed write to the log, such as on a full disk, must not end the daemon.
  destination.on("error", () => {});
  return pino(options, destination);
}

/** Sends what libraries print to the log, so that stderr holds only what Node itself prints about a crash. */
export function redirectConsole(log: DaemonLog): void {
  const logOutput = (...args: unknown[]) => log.warn({ printed: format(...args) }, "a library printed this");
  Object.assign(console, {
    debug: logOutput,
    error: logOutput,
    info: logOutput,
    log: logOutput,
    warn: logOutput,
  });
}

/** The largest size of the log, in bytes. Earlier lines are kept in `daemon.log.1`. */
const MAX_LOG_BYTES = 16 * 1024 * 1024;

/** Copies a log that is too large to `<file>.1`, and empties it. It is open for appending: writing starts over. */
export function capLog(file: string, maxBytes: number = MAX_LOG_BYTES): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= maxBytes) return;
  copyFileSync(file, `${file}.1`);
  truncateSync(file);
}

/** How much of an earlier daemon's stderr is logged, in bytes. We log the end, because it holds the reason. */
const MAX_STDERR_BYTES = 16 * 1024;

/** Logs what Node printed when an earlier daemon crashed, and empties the file. */
export function logStderr(log: DaemonLog, file: string): void {
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
    const bytes = Buffer.alloc(Math.min(size, MAX_STDERR_BYTES));
    const length = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8", 0, length);
  } finally {
    closeSync(fd);
  }
}
