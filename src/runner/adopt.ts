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

/** The guard of an attempt, by the pid that it wrote down, or where it wrote nothing yet by its arguments. */
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
  // Its subshells have the same arguments, and are younger.
  const [first] = found.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  return first ? identify(first.pid, processes) : null;
}

/** What bears the marker: the program by its pid where that was written down, or as a child of its guard, else the oldest. */
function findMarked(token: string, isProgram: (one: ProcessStat) => boolean, { processes }: Supervision) {
  const bearers = [...processes.scan()].flatMap((stat) =>
    stat && stat.state !== "Z" && stat.pid !== process.pid && processes.bears(stat.pid, token) ? [stat] : [],
  );
  const oldestFirst = bearers.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  return { program: oldestFirst.find(isProgram), oldest: oldestFirst[0] };
}

/** Who of the attempt still lives: while its guard does, nothing is lost. */
function survivors(
  { key, token, program: noted }: AdoptRecord,
  supervision: Supervision,
): Survivors | undefined {
  const { processes, runDir } = supervision;
  const birth = readRecords(runDir, key, processes)?.birth;
  const guard = findGuard(key, birth?.guardPid, supervision);
  // When it began was noted a moment after its birth, and holds also where its guard is gone.
  const written = (noted?.pid === birth?.program.pid ? noted : undefined) ?? birth?.program ?? noted;
  const isIt = ({ pid, ppid }: ProcessStat) => (written ? pid === written.pid : ppid === guard?.pid);
  if (guard && written) return { guard, program: written };
  if (written && isAlive(processes, written)) return { guard: null, program: written };
  const marked = findMarked(token, isIt, supervision);
  // Where the program is gone, what else bears the marker is a rest of its tree, and no program.
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
  // It may have ended while we looked.
  const last = look();
  if (last?.ended) return { ended: last.ended };
  if (!last?.birth && !record.program) return undefined;
  return { ended: { exitCode: null, signal: null, endedAt: clock.now(), lost: true } };
}
