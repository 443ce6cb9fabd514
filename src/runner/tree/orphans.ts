import { isGuard } from "../guard-file.ts";
import type { Processes, ProcessStat } from "./processes.ts";
import { delay, deliver } from "./signals.ts";
import { isStopped } from "./stop.ts";

/** How long a guard that is continued may take to write a status and end. */
const END_TIMEOUT_MS = 1000;

/** Returns the guards that were stopped with a program that is gone. Nothing else would continue them. */
function findOrphans(processes: Processes, runDir: string): ProcessStat[] {
  const live = [...processes.scan()].flatMap((stat) => (stat && stat.state !== "Z" ? [stat] : []));
  const parents = new Set(live.map(({ ppid }) => ppid));
  return live.filter(
    (stat) => isStopped(stat) && !parents.has(stat.pid) && isGuard(processes.argv(stat.pid), runDir),
  );
}

/** Continues the guards whose stopped program was killed, so that they write its status and end. */
export async function releaseOrphans(processes: Processes, runDir: string): Promise<void> {
  const orphans = findOrphans(processes, runDir);
  for (const { pid } of orphans) deliver(pid, "SIGCONT");
  const deadline = performance.now() + END_TIMEOUT_MS;
  const isRunning = ({ pid, startTime }: ProcessStat) => processes.stat(pid)?.startTime === startTime;
  while (orphans.some(isRunning) && performance.now() < deadline) await delay(5);
}
