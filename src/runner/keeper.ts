import { readlinkSync } from "node:fs";
import { basename } from "node:path";
import { isGuard } from "./guard-file.ts";
import type { Supervision } from "./supervision.ts";
import { deliver } from "./tree/signals.ts";
import type { ProcessId } from "./types.ts";

/**
 * Asks the keeper of an attempt's output to report how the program ended, although another process may still print. If
 * the keeper was killed, continues the guard, which is stopped under bash until then, and which then reports the end.
 */
export function askKeeper(guard: ProcessId, key: string, { processes, runDir }: Supervision): void {
  for (const stat of processes.scan()) {
    // A subshell of the guard has the guard's arguments. The subshell that is a child is the program before its exec.
    const isSkipped = stat === undefined || stat.pid === guard.pid || stat.ppid === guard.pid;
    if (isSkipped || stat.session !== guard.pid || stat.state === "Z") continue;
    if (isGuard(processes.argv(stat.pid), runDir, key)) {
      deliver(stat.pid, "SIGUSR1");
      return;
    }
  }
  if (isBash(guard.pid)) deliver(guard.pid, "SIGCONT");
}

function isBash(pid: number): boolean {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)) === "bash";
  } catch {
    return false;
  }
}
