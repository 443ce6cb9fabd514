import { type Calm, createCalm } from "./calm.ts";
import type { Processes, ProcessStat } from "./processes.ts";
import { isGuard, newPassCache, type PassCache, type ScanRoots, scanTree } from "./scan.ts";
import { delay, deliver } from "./signals.ts";
import { isRecorded, type Tree } from "./tree.ts";

/** How often a child between vfork and exec is continued so that it reaches its exec, and for how long each time. */
const EXEC_PASSES = 50;
const EXEC_WAIT_MS = 2;

export function isStopped({ state }: ProcessStat): boolean {
  return state === "T" || state === "t";
}

/** The state of a tree after it was stopped. */
export interface Standstill {
  /** All live processes of the tree; the guard only with `withGuard`. */
  members: ProcessStat[];
  /** Members that may not be signalled. They, and the processes that they start, may still run. */
  forbidden: ProcessStat[];
  /** Members that did not stop within the limit. */
  stuck: ProcessStat[];
  /** Whether no process of the tree can be running unseen, as a chain of short-lived processes could. */
  isStill: boolean;
}

export interface StopOptions {
  /** A process that does not stop within this time is stuck in the kernel. */
  limitMs: number;
  /** Whether to stop the guard too, so that it reports no end meanwhile. */
  withGuard: boolean;
  /** Whether to give up at once if a process may not be signalled. */
  isAllOrNothing?: boolean;
}

/**
 * Whether a parent in vfork waits for a stopped child. It waits in the kernel until the child has called exec, which a
 * stopped child never does. It runs nothing, and stops when it returns from the kernel. So that it can return, its
 * child is continued until its exec.
 */
function waitsForStoppedChild(processes: Processes, parent: ProcessStat, members: ProcessStat[]): boolean {
  if (parent.state !== "D" || !processes.stopPending(parent.pid)) return false;
  return members.some((child) => child.ppid === parent.pid && isStopped(child));
}

/** Stops a tree in passes over all processes, until none of its processes runs. */
class StopPasses {
  readonly #processes: Processes;
  readonly #roots: ScanRoots;
  readonly #tree: Tree;
  readonly #options: StopOptions;
  readonly #passes: PassCache = newPassCache();
  readonly #calm: Calm;
  readonly #forbidden = new Map<number, ProcessStat>();
  readonly #wasHeld: boolean;
  #hasFoundStopped = false;

  constructor(processes: Processes, roots: ScanRoots, tree: Tree, options: StopOptions) {
    this.#processes = processes;
    // Copied, because the roots of a running attempt change if its guard ends meanwhile.
    const { key, token, guard = null, program = null, launchedAt = null, excluded } = roots;
    this.#roots = { key, token, guard, program, launchedAt, excluded };
    this.#tree = tree;
    this.#options = options;
    this.#calm = createCalm(processes);
    this.#wasHeld = tree.isHeld;
  }

  async run(): Promise<Standstill> {
    this.#tree.hold();
    const deadline = performance.now() + this.#options.limitMs;
    for (let pass = 0; ; pass++) {
      const { members, moving, isCalm, held: vforkParents } = this.#pass(pass);
      const forbidden = members.filter(({ pid }) => this.#forbidden.has(pid));
      const isRefused = forbidden.length > 0 && this.#options.isAllOrNothing === true;
      if (isCalm || isRefused || performance.now() > deadline) {
        return { members, forbidden, stuck: isCalm ? [] : moving, isStill: isCalm };
      }
      await this.#wait(pass, vforkParents > 0);
    }
  }

  #pass(pass: number) {
    this.#calm.beginPass();
    const options = {
      passes: this.#passes,
      onMember: (member: ProcessStat) => this.#stop(member),
      onLeftOut: (stranger: ProcessStat) => this.#continueStranger(stranger),
    };
    const scan = scanTree(this.#processes, this.#roots, this.#tree, options);
    const members = this.#options.withGuard
      ? scan.members
      : scan.members.filter((member) => !isGuard(member, this.#roots, this.#processes));
    if (this.#hasFoundStopped) this.#tree.save();
    this.#hasFoundStopped = false;
    const vforkParents = members.filter((member) => waitsForStoppedChild(this.#processes, member, members));
    const isContinuing = vforkParents.length > 0 && pass < EXEC_PASSES;
    if (isContinuing) {
      for (const child of members)
        if (vforkParents.some(({ pid }) => pid === child.ppid)) deliver(child.pid, "SIGCONT");
    }
    const moving = members.filter(
      (member) => !isStopped(member) && !vforkParents.includes(member) && !this.#forbidden.has(member.pid),
    );
    const isDone = moving.length === 0 && !isContinuing;
    const isCalm = this.#calm.endPass({ ...scan, isDone }, (pid) => this.#stopLate(pid));
    return { members, moving, isCalm, held: isContinuing ? vforkParents.length : 0 };
  }

  #stop(member: ProcessStat): void {
    if (isGuard(member, this.#roots, this.#processes) && !this.#options.withGuard) return;
    if (isStopped(member)) {
      if (
        this.#wasHeld ||
        isRecorded(this.#tree.stopped, member) ||
        isRecorded(this.#tree.stoppedBefore, member)
      )
        return;
      this.#tree.stoppedBefore.set(member.pid, member.startTime);
      this.#hasFoundStopped = true;
      return;
    }
    if (deliver(member.pid, "SIGSTOP") === "forbidden") this.#forbidden.set(member.pid, member);
    else this.#tree.stopped.set(member.pid, member.startTime);
  }

  #stopLate(pid: number): void {
    const stat = this.#processes.stat(pid);
    if (stat) this.#stop(stat);
  }

  /** Continues a process that was stopped before its first instruction, and only now shows that it is detached. */
  #continueStranger(stranger: ProcessStat): void {
    if (!isRecorded(this.#tree.stopped, stranger)) return;
    this.#tree.stopped.delete(stranger.pid);
    deliver(stranger.pid, "SIGCONT");
  }

  async #wait(pass: number, isHeld: boolean): Promise<void> {
    if (isHeld) return await delay(EXEC_WAIT_MS);
    // A stop takes microseconds. A process that has not stopped by pass 20 may take long, so the passes become rarer.
    await (pass < 20 ? new Promise((resolve) => setImmediate(resolve)) : delay(10));
  }
}

/**
 * Stops the whole tree, in passes until no new member appears. Returns which processes could not be stopped. The caller
 * must deal with those, and continue the stopped ones.
 */
export async function stopTree(
  processes: Processes,
  roots: ScanRoots,
  tree: Tree,
  options: StopOptions,
): Promise<Standstill> {
  return await new StopPasses(processes, roots, tree, options).run();
}
