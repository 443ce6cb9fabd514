import type { ProcessId, TreeRoots } from "../types.ts";
import type { Processes, ProcessStat, Shown } from "./processes.ts";
import { holds, type Tree } from "./tree.ts";

export interface ScanRoots extends TreeRoots {
  /** A process that is left out, with its children. */
  excluded?: number | undefined;
}

/** What the passes of one operation, which follow each other at once, need not read again. */
export interface Passes {
  /** What is older than the tree, or shows that it is of no tree. */
  strangers: Set<number>;
  /** Members that were seen not to be detached. */
  checked: Set<number>;
  /** What others show, by pid: no process gains a sign of the tree. */
  shown: Map<number, Shown>;
}

export const newPasses = (): Passes => ({ strangers: new Set(), checked: new Set(), shown: new Map() });

export interface TreeScan {
  members: ProcessStat[];
  /** Processes that were listed and gone when their turn came: one of them may have left a child behind. */
  vanished: number;
  /** Processes in the middle of their exec, of which nothing can be told before its end. */
  unclear: number;
  /** What a process that was met later is to the tree. */
  late(stat: ProcessStat): Membership;
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
export function oldest(roots: TreeRoots, processes: Processes): number {
  const first = roots.program ?? roots.guard;
  const startTime = first?.bootId === processes.bootId ? first.startTime : 0;
  // Of a program that was gone before it was looked at, only when it was launched is known.
  if (startTime > 0 || typeof roots.launchedAt !== "number") return startTime;
  const ticks = Math.ceil((performance.now() - roots.launchedAt) / 10) + 2;
  return Math.max(0, processes.now() - ticks);
}

/** What a process is to a tree, without a look at its parent. */
export type Membership = "member" | "detached" | "stranger" | "unclear";

/**
 * Whether it began in a session of the tree. Where the guard goes on, it may have given its session to another program
 * meanwhile.
 */
function isOfSession(stat: ProcessStat, { excluded }: ScanRoots, tree: Tree): boolean {
  if (tree.hasSession(stat)) return true;
  if (tree.session === null || stat.session !== tree.session || stat.pid === tree.session) return false;
  return excluded !== tree.session || tree.releasedAt === null || stat.startTime <= tree.releasedAt;
}

/** Tells of each process what it is to the tree by what it shows, by its session, and by what was seen before. */
export function createMembership(processes: Processes, roots: ScanRoots, tree: Tree, passes: Passes) {
  const since = oldest(roots, processes);
  const guard = roots.guard && isAlive(processes, roots.guard) ? roots.guard.pid : undefined;
  return (stat: ProcessStat): Membership => {
    // Before its exec the program shows what its guard does, which is of no tree.
    if (guard !== undefined && stat.ppid === guard) return "member";
    const isKnown = holds(tree.known, stat);
    if (isKnown && passes.checked.has(stat.pid)) return "member";
    if (!isKnown && stat.startTime < since) {
      passes.strangers.add(stat.pid);
      return "stranger";
    }
    const shown = passes.shown.get(stat.pid) ?? processes.shows(stat.pid, tree.signs);
    if (shown === "other" || shown === "nothing") passes.shown.set(stat.pid, shown);
    if (shown === "detached") return "detached";
    const isMember = shown === "own" || isKnown || (shown !== "other" && isOfSession(stat, roots, tree));
    if (!isMember) return shown === "unclear" ? "unclear" : "stranger";
    if (shown !== "unclear") passes.checked.add(stat.pid);
    return "member";
  };
}

/**
 * One pass over all processes: those that descend from the roots, were seen in the tree before, began in one of its
 * sessions, or show its signs; and their descendants. Not what was detached from it. Never this process, nor what descends
 * from it alone: a daemon may have been started from inside a task. `onMember` is called as soon as one is recognised,
 * newest first, while what forks without end still has the pid that was read, and `onLeftOut` of what was detached. Adds to what the
 * tree knows.
 */
export function scanTree(
  processes: Processes,
  roots: ScanRoots,
  tree: Tree,
  {
    passes = newPasses(),
    onMember,
    onLeftOut,
  }: {
    passes?: Passes;
    onMember?: (member: ProcessStat) => void;
    onLeftOut?: (stranger: ProcessStat) => void;
  } = {},
): TreeScan {
  const membership = createMembership(processes, roots, tree, passes);
  const members: ProcessStat[] = [];
  const children = new Map<number, ProcessStat[]>();
  const taken = new Set<number>([process.pid, roots.excluded ?? process.pid]);
  let vanished = 0;
  let unclear = 0;

  const isRootOf = (stat: ProcessStat) =>
    isGuard(stat, roots, processes) || isRoot(stat, roots.program, processes);
  const isExcluded = (stat: ProcessStat) => roots.excluded !== undefined && stat.ppid === roots.excluded;

  const take = (stat: ProcessStat) => {
    if (taken.has(stat.pid)) return;
    taken.add(stat.pid);
    members.push(stat);
    // A guard is of the tree while it is its guard, and of another one a moment later.
    if (!isGuard(stat, roots, processes)) tree.add(stat);
    onMember?.(stat);
  };

  /** What was detached stays out, whatever else it has in common with the tree. */
  const leaveOut = (stat: ProcessStat) => {
    taken.add(stat.pid);
    tree.drop(stat);
    onLeftOut?.(stat);
  };

  const takeDescendant = (stat: ProcessStat) => {
    if (taken.has(stat.pid)) return;
    if (!passes.checked.has(stat.pid) && processes.shows(stat.pid, tree.signs) === "detached") leaveOut(stat);
    else take(stat);
  };

  for (const stat of processes.scan(passes.strangers)) {
    if (stat === undefined) vanished++;
    else if (stat.state !== "Z" && !isExcluded(stat)) {
      const siblings = children.get(stat.ppid);
      if (siblings) siblings.push(stat);
      else children.set(stat.ppid, [stat]);
      if (taken.has(stat.pid)) continue;
      const what = isRootOf(stat) ? "member" : membership(stat);
      if (what === "member") take(stat);
      else if (what === "detached") leaveOut(stat);
      else if (what === "unclear") unclear++;
    }
  }
  // The array grows while it is walked.
  for (const member of members) for (const child of children.get(member.pid) ?? []) takeDescendant(child);
  const late = (stat: ProcessStat): Membership => {
    if (isExcluded(stat) || stat.pid === process.pid) return "stranger";
    const what = membership(stat);
    const isChild = what === "stranger" && members.some(({ pid }) => pid === stat.ppid);
    return isChild ? "member" : what;
  };
  return { members, vanished, unclear, late };
}

/**
 * Which processes of a stopped tree live and can run. A stopped process starts no other, so those that were seen in the
 * tree are looked at, and all processes only where an earlier daemon saw them.
 */
export function movingOf(processes: Processes, roots: TreeRoots, tree: Tree): ProcessStat[] {
  if (tree.isAdopted) scanTree(processes, roots, tree);
  tree.isAdopted = false;
  return [...tree.known].flatMap(([pid, startTime]) => {
    const stat = processes.stat(pid);
    return stat?.startTime === startTime && !["Z", "T", "t"].includes(stat.state) ? [stat] : [];
  });
}
