import type { TreeRoots } from "../types.ts";
import type { Processes, ProcessStat } from "./processes.ts";
import { isGuard, scanTree } from "./scan.ts";
import { deliver, deliverTo } from "./signals.ts";
import { stopTree } from "./stop.ts";
import { isRecorded, type Tree } from "./tree.ts";
import { CannotStop, describeProcesses, ownerReason } from "./untouchable.ts";

const STOP_LIMIT_MS = 5000;

/** Continues only what agentctl has stopped. Stopped processes do not fork, so one pass finds them all. */
export function thawTree(processes: Processes, roots: TreeRoots, tree: Tree): void {
  if (!tree.isHeld) return;
  for (const member of scanTree(processes, roots, tree).members)
    if (!isRecorded(tree.stoppedBefore, member)) deliver(member.pid, "SIGCONT");
  // A process that was detached from the tree meanwhile is not a member any more, but is continued too.
  continueStopped(processes, tree);
}

/** Continues the processes that this daemon has stopped, in this or an earlier operation. */
function continueStopped(processes: Processes, tree: Tree): void {
  for (const [pid, startTime] of tree.stopped) deliverTo(processes, { pid, startTime }, "SIGCONT");
  tree.release();
}

/**
 * Stops the whole tree. Resolves when none of its processes can run any more.
 * @throws CannotStop if a process may not be signalled or does not stop, after the others were continued
 */
export async function freezeTree(
  processes: Processes,
  roots: TreeRoots,
  tree: Tree,
): Promise<{ processes: number; residentBytes: number }> {
  const options = { limitMs: STOP_LIMIT_MS, withGuard: true, isAllOrNothing: true };
  const { guard } = roots;
  const wasHeld = tree.isHeld;
  const { members, forbidden, stuck, isStill } = await stopTree(processes, roots, tree, options);
  if (!isStill) {
    // A tree that was already frozen stays frozen.
    if (!wasHeld) {
      continueStopped(processes, tree);
      if (guard) deliverTo(processes, guard, "SIGCONT");
    }
    throw new CannotStop(stopFailure(forbidden, stuck), forbidden.length > 0 ? forbidden : stuck.slice(0, 1));
  }
  // The guard belongs to agentctl, so it does not count among the task's processes.
  const taskMembers = members.filter(
    (member) => !isGuard(member, { ...roots, guard: guard ?? null }, processes),
  );
  const residentBytes = taskMembers.reduce((sum, { pid }) => sum + processes.residentBytes(pid), 0);
  return { processes: taskMembers.length, residentBytes };
}

function stopFailure(forbidden: ProcessStat[], stuck: ProcessStat[]): string {
  if (forbidden.length > 0)
    return `${describeProcesses(forbidden)} cannot be stopped: ${ownerReason(forbidden)}`;
  const [stuckMember] = stuck;
  if (stuckMember)
    return `${describeProcesses([stuckMember])} cannot be stopped: it stays in state ${stuckMember.state}`;
  return "the task starts processes faster than agentctl can stop them";
}
