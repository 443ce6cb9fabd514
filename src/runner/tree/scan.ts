import type { ProcessId, TreeRoots } from "../types.ts";
import type { Processes, ProcessStat } from "./processes.ts";

/** pid → start time of every process that an operation has seen in the tree. */
export type Known = Map<number, number>;

export interface ScanRoots extends TreeRoots {
  /**
   * Filled with what is older than the tree, which the passes that follow do not read again. Only for passes that follow
   * each other at once, because pids are used again.
   */
  strangers?: Set<number> | undefined;
  /** A process that is left out, with its children. */
  spare?: number | undefined;
}

export interface TreeScan {
  members: ProcessStat[];
  /** Processes that were listed and gone when their turn came: one of them may have left a child behind. */
  vanished: number;
}

/** Whether this very process lives. A zombie does not. */
export function isAlive(
  processes: Processes,
  id: { pid: number; startTime: number; bootId?: string },
): boolean {
  if (id.bootId !== undefined && id.bootId !== processes.bootId) return false;
  const stat = processes.stat(id.pid);
  return stat !== undefined && stat.startTime === id.startTime && stat.state !== "Z";
}

function isRoot(stat: ProcessStat, id: ProcessId | null | undefined, processes: Processes): boolean {
  return id?.pid === stat.pid && id.startTime === stat.startTime && id.bootId === processes.bootId;
}

export function isGuard(stat: ProcessStat, roots: TreeRoots, processes: Processes): boolean {
  return isRoot(stat, roots.guard, processes);
}

/** Before the tree's first process nothing bore its marker, which spares reading most of the machine. */
function oldest(roots: TreeRoots, processes: Processes): number {
  const first = roots.program ?? roots.guard;
  return first?.bootId === processes.bootId ? first.startTime : 0;
}

/**
 * One pass over all processes: those that descend from the roots or from one in `known`, or bear the token, and their
 * descendants. Never this process, nor what descends from it alone: a daemon may have been started from inside a task.
 * `onMember` is called as soon as one is recognised, newest first, while what forks without end still has the pid that
 * was read. Adds to `known`.
 */
export function scanTree(
  processes: Processes,
  roots: ScanRoots,
  known: Known,
  onMember?: (member: ProcessStat) => void,
): TreeScan {
  const since = oldest(roots, processes);
  const members: ProcessStat[] = [];
  const children = new Map<number, ProcessStat[]>();
  const taken = new Set<number>([process.pid, roots.spare ?? process.pid]);
  let vanished = 0;

  const take = (stat: ProcessStat) => {
    if (taken.has(stat.pid)) return;
    taken.add(stat.pid);
    members.push(stat);
    // A guard is of the tree while it is its guard, and of another one a moment later.
    if (!isGuard(stat, roots, processes)) known.set(stat.pid, stat.startTime);
    onMember?.(stat);
  };

  for (const stat of processes.scan(roots.strangers)) {
    if (stat === undefined) vanished++;
    else if (stat.state !== "Z" && (roots.spare === undefined || stat.ppid !== roots.spare)) {
      const siblings = children.get(stat.ppid);
      if (siblings) siblings.push(stat);
      else children.set(stat.ppid, [stat]);
      const isKnown = known.get(stat.pid) === stat.startTime;
      if (isKnown || isGuard(stat, roots, processes) || isRoot(stat, roots.program, processes)) take(stat);
      else if (stat.startTime < since) roots.strangers?.add(stat.pid);
      else if (!taken.has(stat.pid) && processes.bears(stat.pid, roots.token)) take(stat);
    }
  }
  // The array grows while it is walked.
  for (const member of members) for (const child of children.get(member.pid) ?? []) take(child);
  return { members, vanished };
}

/** Counts passes until nothing can have slipped through between them. */
export interface Calm {
  /** Whether the tree is known to be at rest, after a pass that found nothing left to do, or something. */
  after(pass: { isDone: boolean; vanished: number }): boolean;
}

/**
 * A pass is no snapshot: a process may fork behind it and be stopped before it. So two passes in a row must find
 * nothing to do. Where processes vanished during a pass, one of them may have been a link in a chain of forks, and ten
 * are wanted; on a busy machine some always vanish, so this is no reason to go on for ever.
 */
export function createCalm(): Calm {
  let clean = 0;
  let done = 0;
  return {
    after({ isDone, vanished }) {
      done = isDone ? done + 1 : 0;
      clean = isDone && vanished === 0 ? clean + 1 : 0;
      return clean >= 2 || done >= 10;
    },
  };
}
