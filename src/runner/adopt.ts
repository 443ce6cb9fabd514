import { createHandle } from "./handle.ts";
import type { Supervision } from "./launch.ts";
import type { Processes } from "./processes.ts";
import { isGuardOf, type RunFiles, readBirth, readEnd, runFiles } from "./run-files.ts";
import { isAlive } from "./scan.ts";
import type { AdoptRecord, Ended, ProcessId, Running } from "./types.ts";
import { watch } from "./watch.ts";

interface Survivors {
  guard: ProcessId | null;
  program: ProcessId | null;
}

function identify(pid: number, processes: Processes): ProcessId | null {
  const stat = processes.stat(pid);
  if (!stat || stat.state === "Z") return null;
  return { pid, startTime: stat.startTime, bootId: processes.bootId };
}

/** The program by what was written down of it, and the guard as its parent. */
function findWritten(program: ProcessId, files: RunFiles, processes: Processes): Survivors | undefined {
  if (!isAlive(processes, program)) return undefined;
  const parent = processes.stat(program.pid)?.ppid ?? 0;
  const hasGuard = isGuardOf(processes.argv(parent), files);
  return { program, guard: hasGuard ? identify(parent, processes) : null };
}

/** Either of them by the marker, which both bear from their first moment. */
function findMarked(token: string, files: RunFiles, processes: Processes): Survivors | undefined {
  const bearers = [...processes.scan()].flatMap((stat) =>
    stat && stat.state !== "Z" && stat.pid !== process.pid && processes.bears(stat.pid, token) ? [stat] : [],
  );
  if (bearers.length === 0) return undefined;
  // A guard forks before its child becomes the program, so among those that look like it, it is the oldest.
  const oldestFirst = bearers.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  const guard = oldestFirst.find(({ pid }) => isGuardOf(processes.argv(pid), files));
  const program = oldestFirst.find(({ pid, ppid }) => (guard ? ppid === guard.pid : pid > 0));
  return {
    guard: guard ? identify(guard.pid, processes) : null,
    program: program ? identify(program.pid, processes) : null,
  };
}

/** Finds what an earlier runner launched. See `Runner.adopt`. */
export async function adopt(
  record: AdoptRecord,
  supervision: Supervision,
): Promise<{ running: Running } | { ended: Ended } | undefined> {
  const { runDir, clock, processes } = supervision;
  const files = runFiles(runDir, record.key);
  const ended = readEnd(files);
  if (ended) return { ended };

  const written = readBirth(files, processes)?.program ?? record.program ?? undefined;
  const survivors =
    (written && findWritten(written, files, processes)) ?? findMarked(record.token, files, processes);
  // Where the program is gone, what else bears the marker is a rest of its tree, and no program.
  const isLive = survivors && (survivors.guard || !written || isAlive(processes, written));
  if (isLive) {
    const program = written ?? survivors.program;
    const handle = createHandle(record, survivors.guard, program);
    watch(handle, supervision);
    return { running: handle.running };
  }
  // It may have ended while we looked.
  const endedMeanwhile = readEnd(files);
  if (endedMeanwhile) return { ended: endedMeanwhile };
  if (!written) return undefined;
  return { ended: { exitCode: null, signal: null, endedAt: clock.now(), lost: true } };
}
