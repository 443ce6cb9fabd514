import type { ProcessId, TreeRoots } from "../types.ts";
import type { Processes, ProcessStat, ShownSign } from "./processes.ts";
import { isRecorded, type Tree } from "./tree.ts";

export interface ScanRoots extends TreeRoots {
  /** The pid of a process that is left out, with its children. */
  excluded?: number | undefined;
}

/** What the passes of one operation need not read again, because they follow each other at once. */
export interface PassCache {
  /** Processes that are older than the tree. */
  strangers: Set<number>;
  /** Members that are known not to be detached. */
  checked: Set<number>;
  /** What other processes show, by pid. It does not change: no process gains a sign of the tree. */
  shown: Map<number, ShownSign>;
}

export const newPassCache = (): PassCache => ({ strangers: new Set(), checked: new Set(), shown: new Map() });

export interface TreeScan {
  members: ProcessStat[];
  /** How many listed processes were gone at their turn. Each of them may have left a child behind. */
  vanished: number;
  /** How many processes were in the middle of an exec, before whose end their membership is unknown. */
  unclear: number;
  /** Returns the membership of a process that was found after the pass. */
  late(stat: ProcessStat): Membership;
}

/** Whether exactly this process is alive. A zombie is not. */
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

/** Returns the start time of the tree's first process. No older process can be a member, so most need not be read. */
export function oldestStart(roots: TreeRoots, processes: Processes): number {
  const root = roots.program ?? roots.guard;
  const startTime = root?.bootId === processes.bootId ? root.startTime : 0;
  // If the program was gone before it was read, only its launch time is known.
  if (startTime > 0 || typeof roots.launchedAt !== "number") return startTime;
  const ticks = Math.ceil((performance.now() - roots.launchedAt) / 10) + 2;
  return Math.max(0, processes.now() - ticks);
}

/** How a process is related to a tree, regardless of its ancestors. */
export type Membership = "member" | "detached" | "stranger" | "unclear";

/**
 * Whether a process began in a session of the tree. In the session of a guard that outlives its program, a process that
 * began after the program's end does not count.
 */
function isOfSession(stat: ProcessStat, { excluded }: ScanRoots, tree: Tree): boolean {
  if (tree.hasSession(stat)) return true;
  if (tree.session === null || stat.session !== tree.session || stat.pid === tree.session) return false;
  return excluded !== tree.session || tree.releasedAt === null || stat.startTime <= tree.releasedAt;
}

/** Creates a function that returns a process's membership: by what it shows, its session, and what was seen before. */
export function createMembership(processes: Processes, roots: ScanRoots, tree: Tree, passes: PassCache) {
  const minStartTime = oldestStart(roots, processes);
  const guard = roots.guard && isAlive(processes, roots.guard) ? roots.guard.pid : undefined;
  return (stat: ProcessStat): Membership => {
    // Before its exec, the program shows the signs of its guard, which is detached from the tree.
    if (guard !== undefined && stat.ppid === guard) return "member";
    const isKnown = isRecorded(tree.members, stat);
    if (isKnown && passes.checked.has(stat.pid)) return "member";
    if (!isKnown && stat.startTime < minStartTime) {
      passes.strangers.add(stat.pid);
      return "stranger";
    }
    const sign = passes.shown.get(stat.pid) ?? processes.shows(stat.pid, tree.signs);
    if (sign === "other" || sign === "nothing") passes.shown.set(stat.pid, sign);
    if (sign === "detached") return "detached";
    const isMember = sign === "own" || isKnown || (sign !== "other" && isOfSession(stat, roots, tree));
    if (!isMember) return sign === "unclear" ? "unclear" : "stranger";
    if (sign !== "unclear") passes.checked.add(stat.pid);
    return "member";
  };
}

/**
 * Finds the members of a tree in one pass over all processes. Members are the roots, the processes that were seen in
 * the tree before, began in one of its sessions, or show its signs, and all descendants of these. Detached processes
 * are not members. This process is never a member, and its descendants are not members because of it: a daemon may have
 * been started inside a task. Calls `onMember` as soon as a member is found, newest first, while a process that forks
 * endlessly still has the pid that was read. Calls `onLeftOut` for detached processes. Adds the members to `tree`.
 */
export function scanTree(
  processes: Processes,
  roots: ScanRoots,
  tree: Tree,
  {
    passes = newPassCache(),
    onMember,
    onLeftOut,
  }: {
    passes?: PassCache;
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
    // The guard is a member only while it is the root, so the tree does not remember it.
    if (!isGuard(stat, roots, processes)) tree.add(stat);
    onMember?.(stat);
  };

  /** Leaves out a detached process, even if it has other signs of the tree. */
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
      const kind = isRootOf(stat) ? "member" : membership(stat);
      if (kind === "member") take(stat);
      else if (kind === "detached") leaveOut(stat);
      else if (kind === "unclear") unclear++;
    }
  }
  // The array grows during this loop.
  for (const member of members) for (const child of children.get(member.pid) ?? []) takeDescendant(child);
  const late = (stat: ProcessStat): Membership => {
    if (isExcluded(stat) || stat.pid === process.pid) return "stranger";
    const kind = membership(stat);
    const isChild = kind === "stranger" && members.some(({ pid }) => pid === stat.ppid);
    return isChild ? "member" : kind;
  };
  return { members, vanished, unclear, late };
}

/**
 * Returns the live processes of a stopped tree that can run. A stopped process starts no others, so only processes that
 * were seen in the tree are checked. If an earlier daemon saw them, all processes are scanned first.
 */
export function movingOf(processes: Processes, roots: TreeRoots, tree: Tree): ProcessStat[] {
  if (tree.isAdopted) scanTree(processes, roots, tree);
  tree.isAdopted = false;
  return [...tree.members].flatMap(([pid, startTime]) => {
    const stat = processes.stat(pid);
    return stat?.startTime === startTime && !["Z", "T", "t"].includes(stat.state) ? [stat] : [];
  });
}
