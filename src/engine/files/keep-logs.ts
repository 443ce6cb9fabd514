import type { Engine } from "../engine.ts";
import { logFile, rawLogFile } from "./environment.ts";

/** In a cluster, starts to store the end of an attempt's output, in case this machine is lost. Does not wait. */
export function keepLogs(
  engine: Pick<Engine, "cluster" | "places">,
  { taskId, attempt }: { taskId: number; attempt: number },
): void {
  engine.cluster?.files.keepLog(taskId, logName(attempt, false), logFile(engine, taskId, attempt));
  engine.cluster?.files.keepLog(taskId, logName(attempt, true), rawLogFile(engine, taskId, attempt));
}

/** Returns the name that the end of a log is stored under; with `raw`, the log of a coding agent's lines. */
export function logName(attempt: number, raw: boolean): string {
  return `${raw ? "raw" : "log"}/${attempt}`;
}
