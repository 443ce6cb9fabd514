import { isGuard } from "./guard-file.ts";
import { createHandle } from "./handle.ts";
import { readRecords } from "./run-files.ts";
import type { Supervision } from "./supervision.ts";
import type { Processes, ProcessStat } from "./tree/processes.ts";
import { isAlive } from "./tree/scan.ts";
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

/** Finds the guard of an attempt by the pid that it has recorded, or by its arguments if it has recorded none yet. */
function findGuard(
  key: string,
  pid: number | undefined,
  { processes, runDir }: Supervision,
): ProcessId | null {
  const isIt = (each: number) => isGuard(processes.argv(each), runDir, key);
  if (pid !== undefined) return isIt(pid) ? identify(pid, processes) : null;
  const found = [...processes.scan()].flatMap((stat) =>
    stat && stat.state !== "Z" && stat.pid !== process.pid && isIt(stat.pid) ? [stat] : [],
  );
  // The guard's subshells have the same arguments, but are younger.
  const [first] = found.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  return first ? identify(first.pid, processes) : null;
}

/** Finds two of the processes that bear the marker: the program, if one of them is, and the oldest. */
function findMarked(token: string, isProgram: (one: ProcessStat) => boolean, { processes }: Supervision) {
  const bearers = [...processes.scan()].flatMap((stat) =>
    stat && stat.state !== "Z" && stat.pid !== process.pid && processes.bears(stat.pid, token) ? [stat] : [],
  );
  const oldestFirst = bearers.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  return { program: oldestFirst.find(isProgram), oldest: oldestFirst[0] };
}

/** Returns the guard and the program of the attempt, as far as they live. While the guard lives, nothing is lost. */
function survivors(
  { key, token, program: noted }: AdoptRecord,
  supervision: Supervision,
): Survivors | undefined {
  const { processes, runDir } = supervision;
  const birth = readRecords(runDir, key, processes)?.birth;
  const guard = findGuard(key, birth?.guardPid, supervision);
  // The start time in `noted` was recorded soon after the birth, and is valid even if the guard is gone.
  const written = (noted?.pid === birth?.program.pid ? noted : undefined) ?? birth?.program ?? noted;
  const isIt = ({ pid, ppid }: ProcessStat) => (written ? pid === written.pid : ppid === guard?.pid);
  if (guard && written) return { guard, program: written };
  if (written && isAlive(processes, written)) return { guard: null, program: written };
  const marked = findMarked(token, isIt, supervision);
  // If the program is gone, other processes with the marker are the rest of its tree, not the program.
  const program = marked.program ?? (written || guard ? undefined : marked.oldest);
  const id = program ? identify(program.pid, processes) : null;
  return guard || id ? { guard, program: id } : undefined;
}

/** Finds what an earlier runner launched. See `Runner.adopt`. */
export async function adopt(
  record: AdoptRecord,
  supervision: Supervision,
): Promise<{ running: Running } | { ended: Ended } | undefined> {
  const { runDir, clock, processes } = supervision;
  const look = () => readRecords(runDir, record.key, processes);
  const first = look();
  if (first?.ended) return { ended: first.ended };
  const found = survivors(record, supervision);
  if (found) {
    const handle = createHandle(record, found.guard, found.program);
    watch(handle, supervision);
    return { running: handle.running };
  }
  // The attempt may have ended during the search.
  const last = look();
  if (last?.ended) return { ended: last.ended };
  if (!last?.birth && !record.program) return undefined;
  return { ended: { exitCode: null, signal: null, endedAt: clock.now(), lost: true } };
}
