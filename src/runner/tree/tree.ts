import type { ProcessStat, Signs } from "./processes.ts";
import type { TreeRecord, TreeState } from "./record.ts";

/** pid → start time. */
export type StartTimes = Map<number, number>;

/** Whether exactly this process is in `startTimes`. */
export function isRecorded(startTimes: StartTimes, { pid, startTime }: ProcessStat): boolean {
  return startTimes.get(pid) === startTime;
}

/**
 * What is known about the tree of one attempt, beyond what its processes show now: which processes were seen in it, and
 * which of them agentctl has stopped. It is kept from one operation to the next, and in a file for the next daemon.
 */
export class Tree {
  readonly signs: Signs;
  /** The session in which the guard has started the program; null if unknown. */
  session: number | null = null;
  /** When the program ended, by the clock of start times; null before. Used while the guard outlives the program. */
  releasedAt: number | null = null;
  /** Every process that was seen in the tree and is not known to be gone. */
  readonly members: StartTimes = new Map();
  /** The processes that agentctl has stopped. */
  readonly stopped: StartTimes = new Map();
  /** The processes that were stopped before agentctl stopped the tree. */
  readonly stoppedBefore: StartTimes = new Map();
  /** Processes that show no sign of the tree, recorded for the next daemon. */
  readonly unmarked: StartTimes = new Map();
  /** Whether agentctl has stopped the tree, or is about to. */
  isHeld = false;
  /** Whether some of its processes were seen only by an earlier daemon. */
  isAdopted = false;
  readonly #sessions = new Map<number, number>();
  readonly #record: TreeRecord | null;

  constructor(signs: Signs, record: TreeRecord | null) {
    this.signs = signs;
    this.#record = record;
    const state = record?.read();
    if (!state) return;
    this.isHeld = state.isHeld;
    for (const [pid, startTime] of state.seen) {
      this.members.set(pid, startTime);
      this.unmarked.set(pid, startTime);
    }
    for (const [pid, startTime] of state.before) this.stoppedBefore.set(pid, startTime);
  }

  add(stat: ProcessStat): void {
    this.members.set(stat.pid, stat.startTime);
    this.#sessions.set(stat.pid, stat.session);
  }

  /** Removes a process that was detached from the tree. */
  drop({ pid }: ProcessStat): void {
    this.members.delete(pid);
    this.#sessions.delete(pid);
  }

  /** Whether a process of the tree has started the session of this process. */
  hasSession({ session, startTime }: ProcessStat): boolean {
    const leader = this.members.get(session);
    return leader !== undefined && leader <= startTime;
  }

  /**
   * Forgets processes that are gone, because their pids are reused. Keeps the leader of a session that still has
   * processes: its pid is not reused before the session has ended.
   */
  prune(isAlive: (pid: number) => boolean): void {
    const sessions = new Set<number>();
    for (const [pid, session] of this.#sessions) if (isAlive(pid)) sessions.add(session);
    for (const pid of this.members.keys()) {
      if (isAlive(pid) || sessions.has(pid)) continue;
      this.members.delete(pid);
      this.unmarked.delete(pid);
      this.#sessions.delete(pid);
    }
  }

  /** Records, also for the next daemon, that agentctl is stopping the tree. */
  hold(): void {
    if (this.isHeld) return;
    this.isHeld = true;
    this.stoppedBefore.clear();
    this.save();
  }

  /** Records that agentctl keeps no process of the tree stopped any more. */
  release(): void {
    this.stopped.clear();
    this.stoppedBefore.clear();
    if (!this.isHeld) return;
    this.isHeld = false;
    this.save();
  }

  /** Writes what the next daemon needs. If there is no room for it, the next daemon does without. */
  save(): void {
    const state: TreeState = {
      isHeld: this.isHeld,
      seen: [...this.unmarked],
      before: [...this.stoppedBefore],
    };
    this.#record?.write(state);
  }

  forget(): void {
    this.#record?.remove();
  }
}
