import type { TreeRoots } from "../types.ts";
import type { Processes } from "./processes.ts";
import { createMembership, newPasses, oldest, type ScanRoots } from "./scan.ts";
import { delay } from "./signals.ts";
import { terminateTree } from "./terminate.ts";
import type { Tree } from "./tree.ts";

/** How often a process in the middle of an exec is checked again, and after how long. */
const UNCLEAR_LOOKS = 100;
const UNCLEAR_MS = 1;
/** How long the start times in {@link Ages} are trusted. */
const BELIEVED_MS = 2000;

/** Start times by pid, so that sweeps that follow each other closely read only the new processes. */
export interface Ages {
  startTimes: Map<number, number>;
  until: number;
}

interface Sweep {
  grace: { graceMs: number };
  ages: Ages;
}

/** Returns the pids of all processes that are not known to be older than `since`. */
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

/** Whether one of these is a member of the tree. Waits for the end of an exec, because that is unknown before. */
async function isLeftOf(
  processes: Processes,
  roots: ScanRoots,
  tree: Tree,
  pids: number[],
): Promise<boolean> {
  const membership = createMembership(processes, roots, tree, newPasses());
  for (const pid of pids) {
    if (pid === process.pid || pid === roots.excluded) continue;
    for (let looks = 0; ; looks++) {
      const stat = processes.stat(pid);
      if (stat === undefined || stat.state === "Z" || stat.ppid === roots.excluded) break;
      const what = membership(stat);
      if (what === "member") return true;
      if (what !== "unclear" || looks >= UNCLEAR_LOOKS) break;
      await delay(UNCLEAR_MS);
    }
  }
  return false;
}

/**
 * Ends what is left of a tree after its program's end. Leaves alone a guard that waits for disk space to write the
 * status, and its children.
 */
export async function sweepTree(
  processes: Processes,
  roots: TreeRoots,
  tree: Tree,
  { grace, ages }: Sweep,
): Promise<void> {
  const leader = roots.guard?.pid ?? tree.session;
  const excluded = leader !== null && processes.stat(leader) ? leader : undefined;
  const { key, token, program = null, launchedAt = null } = roots;
  const rest: ScanRoots = { key, token, program, launchedAt, excluded };
  const pids = allPids(processes, oldest(rest, processes), ages);
  // Processes that were seen in the tree before may be older than `pids`.
  const isLeft = await isLeftOf(processes, rest, tree, [...pids, ...tree.known.keys()]);
  if (isLeft) await terminateTree(processes, rest, tree, grace);
}
