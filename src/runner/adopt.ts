import { createHandle } from "./handle.ts";
import { isGuard, readRecords } from "./run-files.ts";
import type { Supervision } from "./supervision.ts";
import type { Processes } from "./tree/processes.ts";
import { isAlive } from "./tree/scan.ts";
import { delay } from "./tree/signals.ts";
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

function guardOf(program: number, { processes, folder }: Supervision): ProcessId | null {
  const parent = processes.stat(program)?.ppid ?? 0;
  return isGuard(processes.argv(parent), folder.path) ? identify(parent, processes) : null;
}

/** The program by what was written down of it, and the guard as its parent. */
function findWritten(program: ProcessId, supervision: Supervision): Survivors | undefined {
  if (!isAlive(supervision.processes, program)) return undefined;
  return { program, guard: guardOf(program.pid, supervision) };
}

/** The program by the marker, which it bears from its first moment, and by its pid where that was written down. */
function findMarked(token: string, pid: number | undefined, supervision: Supervision): Survivors | undefined {
  const { processes } = supervision;
  const bearers = [...processes.scan()].flatMap((stat) =>
    stat && stat.state !== "Z" && stat.pid !== process.pid && processes.bears(stat.pid, token) ? [stat] : [],
  );
  const oldestFirst = bearers.sort((a, b) => a.startTime - b.startTime || a.pid - b.pid);
  const program =
    oldestFirst.find((bearer) => bearer.pid === pid) ??
    oldestFirst.find((bearer) => guardOf(bearer.pid, supervision)) ??
    oldestFirst[0];
  if (!program) return undefined;
  return { guard: guardOf(program.pid, supervision), program: identify(program.pid, processes) };
}

/** The longest time that a guard of an earlier runner may need, on a busy machine, from its key to the program's first file. */
const TAKE_UP_MS = 5000;

/**
 * Waits while a guard of an earlier runner may be about to start something: one that has neither a program nor, as
 * when its runner is gone, a reason to stay.
 */
async function guardsAtRest({ processes, folder }: Supervision): Promise<void> {
  const deadline = performance.now() + TAKE_UP_MS;
  const isAbout = () => {
    const all = [...processes.scan()].flatMap((stat) => (stat && stat.state !== "Z" ? [stat] : []));
    const guards = new Set(
      all.filter(({ pid }) => isGuard(processes.argv(pid), folder.path)).map(({ pid }) => pid),
    );
    const busy = new Set(all.filter(({ pid }) => !guards.has(pid)).map(({ ppid }) => ppid));
    return all.some(({ pid, ppid }) => guards.has(pid) && ppid !== process.pid && !busy.has(pid));
  };
  while (isAbout() && performance.now() < deadline) await delay(5);
}

/** Finds what an earlier runner launched. See `Runner.adopt`. */
export async function adopt(
  record: AdoptRecord,
  supervision: Supervision,
): Promise<{ running: Running } | { ended: Ended } | undefined> {
  const { folder, clock, processes } = supervision;
  const look = () => readRecords(folder.path, record.key, processes);
  const first = look();
  if (first?.ended) return { ended: first.ended };

  // A key that was handed to a guard, of which nothing is seen yet.
  if (first && !first.birth) await guardsAtRest(supervision);
  const birth = look()?.birth;
  // When it began was noted a moment after its birth, and holds also where its guard is gone.
  const written =
    (record.program?.pid === birth?.pid ? record.program : undefined) ?? birth ?? record.program;
  const survivors =
    (written && findWritten(written, supervision)) ?? findMarked(record.token, written?.pid, supervision);
  // Where the program is gone, what else bears the marker is a rest of its tree, and no program.
  const isLive = survivors && (survivors.guard || !written || survivors.program?.pid === written.pid);
  if (isLive) {
    const handle = createHandle(record, survivors.guard, survivors.program);
    watch(handle, supervision);
    return { running: handle.running };
  }
  // It may have ended while we looked.
  const endedMeanwhile = look()?.ended;
  if (endedMeanwhile) return { ended: endedMeanwhile };
  if (!written) return undefined;
  return { ended: { exitCode: null, signal: null, endedAt: clock.now(), lost: true } };
}
