import type { Engine } from "../engine.ts";
import { logFile, rawLogFile } from "./environment.ts";

/** In a cluster the end of what an attempt printed here is kept for when this machine is gone. Nobody waits for it. */
export function keepLogs(
  engine: Pick<Engine, "cluster" | "places">,
  { taskId, attempt }: { taskId: number; attempt: number },
): void {
  engine.cluster?.files.keepLog(taskId, logName(attempt, false), logFile(engine, taskId, attempt));
  engine.cluster?.files.keepLog(taskId, logName(attempt, true), rawLogFile(engine, taskId, attempt));
}

/** The name under which the end of a log is kept; of `raw` lines of a coding agent. */
export function logName(attempt: number, raw: boolean): string {
  return `${raw ? "raw" : "log"}/${attempt}`;
}
