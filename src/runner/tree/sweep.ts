import type { TreeRoots } from "../types.ts";
import type { Processes, ProcessStat } from "./processes.ts";
import { createMembership, newPasses, oldest, type ScanRoots } from "./scan.ts";
import { delay } from "./signals.ts";
import { terminateTree } from "./terminate.ts";
import type { Tree } from "./tree.ts";

/**
 * Not long enough for the pids to have been given out all round: no machine starts that many processes in the time, as
 * there are at least 32768 pids (PID_MAX_DEFAULT in linux/threads.h, and more of them on machines of many cores).
 */
const YOUNG_MS = 300;
/** As many pids are looked at one by one; where more were given out, a list of all is quicker. */
const MOST_YOUNGER = 32;
/** So often a process in the middle of its exec is looked at again, after so long. */
const UNCLEAR_LOOKS = 100;
const UNCLEAR_MS = 1;
/** So long it is believed which process is too old to be of a tree. */
const BELIEVED_MS = 2000;

/** Start times by pid, so that sweeps that follow each other closely read only what has appeared since. */
export interface Ages {
  startTimes: Map<number, number>;
  until: number;
}

interface Sweep {
  grace: { graceMs: number };
  ages: Ages;
  /** Whether a process came of something else than the program. */
  isForeign(stat: ProcessStat): boolean;
}

function isYoung({ launchedAt }: ScanRoots): boolean {
  return typeof launchedAt === "number" && performance.now() - launchedAt < YOUNG_MS;
}

/** What was started since the program, as long as that is not much. Pids are given in turn. */
function youngerPids(processes: Processes, roots: ScanRoots): number[] | undefined {
  const first = roots.program?.pid;
  const last = processes.lastPid();
  if (!isYoung(roots) || first === undefined || last === undefined) return undefined;
  if (last < first || last - first > MOST_YOUNGER) return undefined;
  return Array.from({ length: last - first }, (_, at) => last - at);
}

/** All processes that are not known to be older than the program. */
function allPids(processes: Processes, since: number, ages: Ages): number[] {
  if (performance.now() > ages.until) {
    ages.startTimes.clear();
    ages.until = performance.now() + BELIEVED_MS;
  }
  return processes.pids().filter((pid) => {
    let startTime = ages.startTimes.get(pid);
    if (startTime === undefined) {
      startTime = processes.stat(pid)?.startTime ?? Number.POSITIVE_INFINITY;
      ages.startTimes.set(pid, startTime);
    }
    return startTime >= since;
  });
}

/**
 * Whether something of the tree is left among these; waits for the end of an exec, before which that cannot be told.
 * Also tells whether all of them came of something else than the program.
 */
async function look(
  processes: Processes,
  roots: ScanRoots,
  tree: Tree,
  pids: number[],
  isForeign: Sweep["isForeign"],
): Promise<{ isLeft: boolean; isAllForeign: boolean }> {
  const membership = createMembership(processes, roots, tree, newPasses());
  let isAllForeign = true;
  for (const pid of pids) {
    if (pid === process.pid || pid === roots.spare) continue;
    for (let looks = 0; ; looks++) {
      const stat = processes.stat(pid);
      if (stat === undefined || stat.state === "Z" || stat.ppid === roots.spare) break;
      const what = membership(stat);
      if (what === "member") return { isLeft: true, isAllForeign: false };
      if (what !== "unclear" || looks >= UNCLEAR_LOOKS) {
        isAllForeign &&= isForeign(stat);
        break;
      }
      await delay(UNCLEAR_MS);
    }
  }
  return { isLeft: false, isAllForeign };
}

/**
 * After the program's end: ends what is left of its tree. A guard that waits for space to write the status, or runs the
 * next program, is left alone, with its children. Answers whether no process is there that could have come of the
 * program, also none that has left the tree.
 */
export async function sweepTree(
  processes: Processes,
  roots: TreeRoots,
  tree: Tree,
  { grace, ages, isForeign }: Sweep,
): Promise<boolean> {
  const leader = roots.guard?.pid ?? tree.session;
  const spare = leader !== null && processes.stat(leader) ? leader : undefined;
  const { key, token, program = null } = roots;
  const rest: ScanRoots = { key, token, program, spare };
  const younger = youngerPids(processes, roots);
  const pids = younger ?? allPids(processes, oldest(rest, processes), ages);
  // What was seen of it before may be older than what is looked at.
  const { isLeft, isAllForeign } = await look(
    processes,
    rest,
    tree,
    [...pids, ...tree.known.keys()],
    isForeign,
  );
  if (!isLeft) return younger !== undefined && isAllForeign;
  await terminateTree(processes, rest, tree, grace);
  return false;
}
