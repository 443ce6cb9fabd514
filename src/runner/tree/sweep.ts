import type { TreeRoots } from "../types.ts";
import type { Processes } from "./processes.ts";
import { createMembership, newPassCache, oldestStart, type ScanRoots } from "./scan.ts";
import { delay } from "./signals.ts";
import { terminateTree } from "./terminate.ts";
import type { Tree } from "./tree.ts";

/** How often a process in the middle of an exec is checked again, and after how long. */
const MAX_UNCLEAR_CHECKS = 100;
const UNCLEAR_RETRY_MS = 1;
/** How long the start times in {@link StartTimeCache} are trusted. */
const MAX_AGE_MS = 2000;

/** Start times by pid, so that sweeps that follow each other closely read only the new processes. */
export interface StartTimeCache {
  startTimes: Map<number, number>;
  until: number;
}

interface SweepOptions {
  grace: { graceMs: number };
  cache: StartTimeCache;
}

/** Returns the pids of all processes that are not known to be older than `since`. */
function allPids(processes: Processes, minStartTime: number, cache: StartTimeCache): number[] {
  if (performance.now() > cache.until) {
    cache.startTimes.clear();
    cache.until = performance.now() + MAX_AGE_MS;
  }
  return processes.pids().filter((pid) => {
    let startTime = cache.startTimes.get(pid);
    if (startTime === undefined) {
      startTime = processes.stat(pid)?.startTime ?? Number.POSITIVE_INFINITY;
      cache.startTimes.set(pid, startTime);
    }
    return startTime >= minStartTime;
  });
}

/** Whether one of these is a member of the tree. Waits for the end of an exec, because that is unknown before. */
async function hasMember(
  processes: Processes,
  roots: ScanRoots,
  tree: Tree,
  pids: number[],
): Promise<boolean> {
  const membership = createMembership(processes, roots, tree, newPassCache());
  for (const pid of pids) {
    if (pid === process.pid || pid === roots.excluded) continue;
    for (let checks = 0; ; checks++) {
      const stat = processes.stat(pid);
      if (stat === undefined || stat.state === "Z" || stat.ppid === roots.excluded) break;
      const kind = membership(stat);
      if (kind === "member") return true;
      if (kind !== "unclear" || checks >= MAX_UNCLEAR_CHECKS) break;
      await delay(UNCLEAR_RETRY_MS);
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
  { grace, cache }: SweepOptions,
): Promise<void> {
  const leader = roots.guard?.pid ?? tree.session;
  const excluded = leader !== null && processes.stat(leader) ? leader : undefined;
  const { key, token, program = null, launchedAt = null } = roots;
  const scanRoots: ScanRoots = { key, token, program, launchedAt, excluded };
  const pids = allPids(processes, oldestStart(scanRoots, processes), cache);
  // Processes that were seen in the tree before may be older than `pids`.
  const hasRest = await hasMember(processes, scanRoots, tree, [...pids, ...tree.members.keys()]);
  if (hasRest) await terminateTree(processes, scanRoots, tree, grace);
}
