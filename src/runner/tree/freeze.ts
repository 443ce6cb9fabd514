import type { TreeRoots } from "../types.ts";
import type { Processes, ProcessStat } from "./processes.ts";
import { createCalm, isGuard, type Known, scanTree } from "./scan.ts";
import { delay, deliver, deliverTo } from "./signals.ts";

/** A child between vfork and exec is let on to its exec so often, for so long each time. */
const EXEC_PASSES = 50;
const EXEC_MS = 2;

/** A process that does not stop for so long is stuck in the kernel. */
const STOP_LIMIT_MS = 5000;

export function isStopped({ state }: ProcessStat): boolean {
  return state === "T" || state === "t";
}

/**
 * A parent in vfork waits in the kernel until its child has called exec, which a stopped child never does. It runs
 * nothing, and stops on its way back; that it does, its child is let on to its exec.
 */
function waitsForStoppedChild(processes: Processes, parent: ProcessStat, members: ProcessStat[]): boolean {
  if (parent.state !== "D" || !processes.stopPending(parent.pid)) return false;
  return members.some((child) => child.ppid === parent.pid && isStopped(child));
}

/** Continues what is stopped. Stopped processes do not fork, so one pass finds them all. */
export function thawTree(processes: Processes, roots: TreeRoots): void {
  for (const member of scanTree(processes, roots, new Map()).members) deliver(member.pid, "SIGCONT");
}

/**
 * Stops the whole tree and returns when none of it can run any more.
 * @throws when a process may not be signalled or does not stop, after the others were continued
 */
export async function freezeTree(
  processes: Processes,
  roots: TreeRoots,
): Promise<{ processes: number; residentBytes: number }> {
  const known: Known = new Map();
  const calm = createCalm();
  const deadline = performance.now() + STOP_LIMIT_MS;

  const giveUp = (stuck: ProcessStat, why: string): never => {
    for (const [pid, startTime] of known) deliverTo(processes, { pid, startTime }, "SIGCONT");
    if (roots.guard) deliverTo(processes, roots.guard, "SIGCONT");
    throw new Error(`process ${stuck.pid} (${stuck.command}) cannot be stopped: ${why}`);
  };

  const strangers = new Set<number>();
  for (let pass = 0; ; pass++) {
    let refused: ProcessStat | undefined;
    const { key, token, guard = null, program = null } = roots;
    const seen = { key, token, guard, program, strangers };
    const { members, vanished } = scanTree(processes, seen, known, (member) => {
      if (!isStopped(member) && deliver(member.pid, "SIGSTOP") === "forbidden") refused ??= member;
    });
    if (refused) giveUp(refused, "it may not be signalled");
    const held = members.filter((member) => waitsForStoppedChild(processes, member, members));
    if (held.length > 0 && pass < EXEC_PASSES) {
      for (const child of members)
        if (held.some(({ pid }) => pid === child.ppid)) deliver(child.pid, "SIGCONT");
      calm.after({ isDone: false, vanished });
      await delay(EXEC_MS);
      continue;
    }
    const moving = members.filter((member) => !isStopped(member) && !held.includes(member));
    if (calm.after({ isDone: moving.length === 0, vanished })) {
      // The guard is ours: what is told is what the task holds.
      const own = members.filter((member) => !isGuard(member, roots, processes));
      const residentBytes = own.reduce((sum, { pid }) => sum + processes.residentBytes(pid), 0);
      return { processes: own.length, residentBytes };
    }
    const [stuck] = moving;
    if (stuck && performance.now() > deadline) giveUp(stuck, `it stays in state ${stuck.state}`);
    // A stop takes microseconds; what does not stop at once may take longer than passes are worth.
    await (pass < 20 ? new Promise((resolve) => setImmediate(resolve)) : delay(10));
  }
}
