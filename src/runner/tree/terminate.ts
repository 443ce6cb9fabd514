/**
 * Ends a tree as a whole. First the whole tree is stopped, then all its processes are signalled, and only then they are
 * continued. A process handles its pending signal before it can notice the death of another, so no shell continues with
 * its next line. A process with a handler for SIGTERM runs it, and may start other processes for that.
 */
import type { Processes, ProcessStat } from "./processes.ts";
import { isAlive, type ScanRoots } from "./scan.ts";
import { delay, deliver, deliverTo } from "./signals.ts";
import { type Standstill, stopTree } from "./stop.ts";
import { isRecorded, type StartTimes, type Tree } from "./tree.ts";
import { CannotEnd, describeProcesses, ownerReason } from "./untouchable.ts";

/** How long a guard may take to write the status of a program that was killed, even on a busy machine. */
const GUARD_TIMEOUT_MS = 3000;
const MAX_POLL_MS = 100;
/** A process that does not stop within this time is ended without being stopped. */
const STOP_LIMIT_MS = 1000;
/** How long SIGKILL may take: a process that waits in the kernel for a disk dies when it returns. */
const KILL_LIMIT_MS = 10_000;
/** How long process 1 may take to collect dead orphans: some implementations check every two seconds, some never. */
const COLLECT_LIMIT_MS = 3000;
/** How often the rest of the tree is killed. After each round, only processes that were started unseen are left. */
const MAX_ROUNDS = 100;

export interface Grace {
  graceMs: number;
  cut?: AbortSignal | undefined;
}

const waitRound = (round: number) => delay(Math.min(MAX_POLL_MS, 2 + round * 4));

/** Returns whether nothing of the tree is left. Throws CannotEnd if all that is left may not be signalled. */
function isEnded({ signallable, forbidden, stuck, isStill }: StoppedTree): boolean {
  if (signallable.length > 0 || stuck.length > 0 || !isStill) return false;
  if (forbidden.length === 0) return true;
  throw new CannotEnd(
    `${describeProcesses(forbidden)} cannot be ended: ${ownerReason(forbidden)}`,
    forbidden,
  );
}

interface StoppedTree extends Standstill {
  /** Members that may be signalled. */
  signallable: ProcessStat[];
}

class Termination {
  readonly #processes: Processes;
  readonly #roots: ScanRoots;
  readonly #tree: Tree;
  /** All processes that were signalled. */
  readonly #signalled: StartTimes = new Map();

  constructor(processes: Processes, roots: ScanRoots, tree: Tree) {
    this.#processes = processes;
    this.#roots = roots;
    this.#tree = tree;
  }

  /** Stops the tree without its guard, which ends after its program. */
  async #stop(): Promise<StoppedTree> {
    const options = { limitMs: STOP_LIMIT_MS, withGuard: false };
    const standstill = await stopTree(this.#processes, this.#roots, this.#tree, options);
    const { members, forbidden } = standstill;
    return { ...standstill, signallable: members.filter((member) => !forbidden.includes(member)) };
  }

  /** Sends SIGTERM, once to each process, and continues those that are stopped, so that they can react. */
  #sendTerm(all: ProcessStat[], pending: StartTimes): void {
    for (const member of all) {
      if (isRecorded(pending, member)) continue;
      pending.set(member.pid, member.startTime);
      this.#signalled.set(member.pid, member.startTime);
      deliver(member.pid, "SIGTERM");
    }
    for (const { pid } of all) deliver(pid, "SIGCONT");
    if (this.#roots.guard) deliverTo(this.#processes, this.#roots.guard, "SIGCONT");
    this.#tree.release();
  }

  #anyAlive(pending: StartTimes): boolean {
    for (const [pid, startTime] of pending) {
      if (isAlive(this.#processes, { pid, startTime })) return true;
      pending.delete(pid);
    }
    return false;
  }

  /** Resolves with whether all ended within the grace time. Between passes, checks only those that got SIGTERM. */
  async terminate({ graceMs, cut }: Grace): Promise<boolean> {
    if (graceMs === 0) return false;
    const pending: StartTimes = new Map();
    // The grace time begins with SIGTERM, because it can take long to stop a large tree on a busy machine.
    let deadline = Number.POSITIVE_INFINITY;
    const isExpired = () => cut?.aborted === true || performance.now() >= deadline;
    while (!isExpired()) {
      const stopped = await this.#stop();
      if (isEnded(stopped)) return true;
      if (isExpired()) return false;
      deadline = Math.min(deadline, performance.now() + graceMs);
      // Includes children of processes that have ended meanwhile.
      this.#sendTerm(stopped.signallable, pending);
      for (let round = 0; this.#anyAlive(pending) && !isExpired(); round++) await waitRound(round);
    }
    return false;
  }

  /** Sends SIGKILL until nothing is left. */
  async kill(): Promise<void> {
    // No time limit for all rounds: if many trees are ended at once, the passes of each take long.
    for (let rounds = 0; ; rounds++) {
      const stopped = await this.#stop();
      if (isEnded(stopped)) return;
      const deadline = performance.now() + KILL_LIMIT_MS;
      const killed: StartTimes = new Map();
      for (const { pid, startTime } of stopped.signallable) {
        deliver(pid, "SIGKILL");
        killed.set(pid, startTime);
        this.#signalled.set(pid, startTime);
      }
      for (let round = 0; this.#anyAlive(killed) && performance.now() < deadline; round++)
        await waitRound(round);
      if (performance.now() < deadline && rounds < MAX_ROUNDS) continue;
      const remaining = stopped.members.filter((member) => isAlive(this.#processes, member));
      const subject =
        remaining.length > 0 ? describeProcesses(remaining) : "a tree that starts processes without a pause";
      throw new CannotEnd(`${subject} cannot be ended: SIGKILL has no effect`, remaining);
    }
  }

  /** Waits until zombies are collected: `kill -0` succeeds for a zombie, and a script that checks must find none. */
  async waitForCollection(): Promise<void> {
    const deadline = performance.now() + COLLECT_LIMIT_MS;
    const isUncollected = ([pid, startTime]: [number, number]) =>
      this.#processes.stat(pid)?.startTime === startTime;
    for (let round = 0; [...this.#signalled].some(isUncollected) && performance.now() < deadline; round++)
      await waitRound(round);
  }

  /** Waits until the guard has written the status and ended. Kills a guard that cannot. */
  async endGuard(): Promise<void> {
    const roots = this.#roots;
    if (!roots.guard) return;
    const deadline = performance.now() + GUARD_TIMEOUT_MS;
    deliverTo(this.#processes, roots.guard, "SIGCONT");
    // Once a guard has reported the status, it is not one of these roots any more.
    for (let round = 0; roots.guard && isAlive(this.#processes, roots.guard); round++) {
      if (performance.now() > deadline) deliverTo(this.#processes, roots.guard, "SIGKILL");
      await waitRound(round);
    }
  }
}

/**
 * Ends the whole tree: SIGTERM, then SIGKILL after the grace time or as soon as `cut` aborts. Resolves when the tree is
 * gone. A zombie counts as gone.
 * @throws CannotEnd if a process may not be signalled; everything else is gone by then
 */
export async function terminateTree(
  processes: Processes,
  roots: ScanRoots,
  tree: Tree,
  grace: Grace,
): Promise<void> {
  const termination = new Termination(processes, roots, tree);
  try {
    if (!(await termination.terminate(grace))) await termination.kill();
  } finally {
    tree.release();
    await termination.endGuard();
  }
  await termination.waitForCollection();
}
