/**
 * Ends a tree as one act. The whole tree is stopped first, then all of it is signalled, and only then it is let go on to
 * die: a process that has a signal waiting sees that before it sees the death of another, so that no shell goes on with
 * its next line. What has a handler for SIGTERM runs it, and may start what it needs for that.
 */
import type { Processes, ProcessStat } from "./processes.ts";
import { isAlive, type ScanRoots } from "./scan.ts";
import { delay, deliver, deliverTo } from "./signals.ts";
import { type Standstill, stopTree } from "./stop.ts";
import { holds, type Known, type Tree } from "./tree.ts";
import { CannotEnd, named, ofAnother } from "./untouchable.ts";

/** How long a guard has to write down the status of a program that was killed, also on a busy machine. */
const GUARD_MS = 3000;
const LONGEST_WAIT_MS = 100;
/** What does not stop for so long is ended as it is. */
const STOP_LIMIT_MS = 1000;
/** So long SIGKILL may take: a process that waits in the kernel for a disk dies when it comes back. */
const KILL_LIMIT_MS = 10_000;
/** How long process 1 may take to collect orphans that have died: some look every other second, and some never. */
const COLLECT_LIMIT_MS = 3000;
/** So often all that is left is killed; each time nothing is left but what was started without being seen. */
const MOST_ROUNDS = 100;

export interface Grace {
  graceMs: number;
  cut?: AbortSignal | undefined;
}

const nap = (round: number) => delay(Math.min(LONGEST_WAIT_MS, 2 + round * 4));

/** Throws where of the tree only what may not be signalled is left; answers whether nothing is. */
function isEnded({ obedient, forbidden, stuck, isStill }: Stopped): boolean {
  if (obedient.length > 0 || stuck.length > 0 || !isStill) return false;
  if (forbidden.length === 0) return true;
  throw new CannotEnd(`${named(forbidden)} cannot be ended: ${ofAnother(forbidden)}`, forbidden);
}

interface Stopped extends Standstill {
  /** Those that may be signalled. */
  obedient: ProcessStat[];
}

class Ending {
  readonly #processes: Processes;
  readonly #roots: ScanRoots;
  readonly #tree: Tree;
  /** All that were signalled. */
  readonly #signalled: Known = new Map();

  constructor(processes: Processes, roots: ScanRoots, tree: Tree) {
    this.#processes = processes;
    this.#roots = roots;
    this.#tree = tree;
  }

  /** The tree without its guard, which ends by itself after its program. */
  async #stop(): Promise<Stopped> {
    const options = { limitMs: STOP_LIMIT_MS, withGuard: false };
    const standstill = await stopTree(this.#processes, this.#roots, this.#tree, options);
    const { members, forbidden } = standstill;
    return { ...standstill, obedient: members.filter((member) => !forbidden.includes(member)) };
  }

  /** SIGTERM, once to each. Whatever is stopped is continued, or it could not obey. */
  #ask(all: ProcessStat[], asked: Known): void {
    for (const member of all) {
      if (holds(asked, member)) continue;
      asked.set(member.pid, member.startTime);
      this.#signalled.set(member.pid, member.startTime);
      deliver(member.pid, "SIGTERM");
    }
    for (const { pid } of all) deliver(pid, "SIGCONT");
    if (this.#roots.guard) deliverTo(this.#processes, this.#roots.guard, "SIGCONT");
    this.#tree.release();
  }

  #anyAlive(asked: Known): boolean {
    for (const [pid, startTime] of asked) {
      if (isAlive(this.#processes, { pid, startTime })) return true;
      asked.delete(pid);
    }
    return false;
  }

  /** Answers whether all ended within the grace. Between passes over all processes it looks at those it asked. */
  async gently({ graceMs, cut }: Grace): Promise<boolean> {
    if (graceMs === 0) return false;
    const asked: Known = new Map();
    // It begins when they are asked: to stop a large tree on a busy machine takes its time.
    let deadline = Number.POSITIVE_INFINITY;
    const isOver = () => cut?.aborted === true || performance.now() >= deadline;
    while (!isOver()) {
      const stopped = await this.#stop();
      if (isEnded(stopped)) return true;
      if (isOver()) return false;
      deadline = Math.min(deadline, performance.now() + graceMs);
      // Also what a process left behind that ended meanwhile.
      this.#ask(stopped.obedient, asked);
      for (let round = 0; this.#anyAlive(asked) && !isOver(); round++) await nap(round);
    }
    return false;
  }

  /** SIGKILL until nothing is left. */
  async kill(): Promise<void> {
    // The passes themselves take long where many trees are ended at once, and say nothing of this one.
    for (let rounds = 0; ; rounds++) {
      const stopped = await this.#stop();
      if (isEnded(stopped)) return;
      const deadline = performance.now() + KILL_LIMIT_MS;
      const killed: Known = new Map();
      for (const { pid, startTime } of stopped.obedient) {
        deliver(pid, "SIGKILL");
        killed.set(pid, startTime);
        this.#signalled.set(pid, startTime);
      }
      for (let round = 0; this.#anyAlive(killed) && performance.now() < deadline; round++) await nap(round);
      if (performance.now() < deadline && rounds < MOST_ROUNDS) continue;
      const left = stopped.members.filter((member) => isAlive(this.#processes, member));
      const what = left.length > 0 ? named(left) : "a tree that starts processes without a pause";
      throw new CannotEnd(`${what} cannot be ended: SIGKILL has no effect`, left);
    }
  }

  /** Zombies are dead, but `kill -0` does not say so: a script that looks after the end shall find none. */
  async collected(): Promise<void> {
    const deadline = performance.now() + COLLECT_LIMIT_MS;
    const isThere = ([pid, startTime]: [number, number]) =>
      this.#processes.stat(pid)?.startTime === startTime;
    for (let round = 0; [...this.#signalled].some(isThere) && performance.now() < deadline; round++)
      await nap(round);
  }

  /** A guard writes the status; one that cannot is killed. */
  async endGuard(): Promise<void> {
    const roots = this.#roots;
    if (!roots.guard) return;
    const deadline = performance.now() + GUARD_MS;
    deliverTo(this.#processes, roots.guard, "SIGCONT");
    // A guard that has told the status runs something else by now, and is none of these roots any more.
    for (let round = 0; roots.guard && isAlive(this.#processes, roots.guard); round++) {
      if (performance.now() > deadline) deliverTo(this.#processes, roots.guard, "SIGKILL");
      await nap(round);
    }
  }
}

/**
 * Ends the whole tree: SIGTERM, then SIGKILL after the grace or as soon as `cut` aborts. Resolves when it is gone;
 * zombies are gone.
 * @throws CannotEnd when a process may not be signalled; everything else is gone by then
 */
export async function terminateTree(
  processes: Processes,
  roots: ScanRoots,
  tree: Tree,
  grace: Grace,
): Promise<void> {
  const ending = new Ending(processes, roots, tree);
  try {
    if (!(await ending.gently(grace))) await ending.kill();
  } finally {
    tree.release();
    await ending.endGuard();
  }
  await ending.collected();
}
