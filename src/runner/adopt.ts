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
  const isGuardPid = (each: number) => isGuard(processes.argv(each), runDir, key);
  if (pid !== undefined) return isGuardPid(pid) ? identify(pid, processes) : null;
  const guards = [...processes.scan()].flatMap((stat) =>
    stat && stat.state !== "Z" && stat.pid !== process.pid && isGuardPid(stat.pid) ? [stat] : [],
  );
  // The guard's subshells have the same arguments, but are younger.
  const [first] = guards.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  return first ? identify(first.pid, processes) : null;
}

/** Finds two of the processes that bear the marker: the program, if one of them is, and the oldest. */
function findMarked(token: string, isProgram: (stat: ProcessStat) => boolean, { processes }: Supervision) {
  const marked = [...processes.scan()].flatMap((stat) =>
    stat && stat.state !== "Z" && stat.pid !== process.pid && processes.bears(stat.pid, token) ? [stat] : [],
  );
  const oldestFirst = marked.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  return { program: oldestFirst.find(isProgram), oldest: oldestFirst[0] };
}

/** Returns the guard and the program of the attempt, as far as they live. While the guard lives, nothing is lost. */
function findSurvivors(
  { key, token, program: recorded }: AdoptRecord,
  supervision: Supervision,
): Survivors | undefined {
  const { processes, runDir } = supervision;
  const birth = readRecords(runDir, key, processes)?.birth;
  const guard = findGuard(key, birth?.guardPid, supervision);
  // The start time in `recorded` was recorded soon after the birth, and is valid even if the guard is gone.
  const expected =
    (recorded?.pid === birth?.program.pid ? recorded : undefined) ?? birth?.program ?? recorded;
  const isProgram = ({ pid, ppid }: ProcessStat) => (expected ? pid === expected.pid : ppid === guard?.pid);
  if (guard && expected) return { guard, program: expected };
  if (expected && isAlive(processes, expected)) return { guard: null, program: expected };
  const marked = findMarked(token, isProgram, supervision);
  // If the program is gone, other processes with the marker are the rest of its tree, not the program.
  const program = marked.program ?? (expected || guard ? undefined : marked.oldest);
  const id = program ? identify(program.pid, processes) : null;
  return guard || id ? { guard, program: id } : undefined;
}

/** Finds what an earlier runner launched. See `Runner.adopt`. */
export async function adopt(
  record: AdoptRecord,
  supervision: Supervision,
): Promise<{ running: Running } | { ended: Ended } | undefined> {
  const { runDir, clock, processes } = supervision;
  const readRecord = () => readRecords(runDir, record.key, processes);
  const first = readRecord();
  if (first?.ended) return { ended: first.ended };
  const survivors = findSurvivors(record, supervision);
  if (survivors) {
    const handle = createHandle(record, survivors.guard, survivors.program);
    watch(handle, supervision);
    return { running: handle.running };
  }
  // The attempt may have ended during the search.
  const last = readRecord();
  if (last?.ended) return { ended: last.ended };
  if (!last?.birth && !record.program) return undefined;
  return { ended: { exitCode: null, signal: null, endedAt: clock.now(), lost: true } };
}
