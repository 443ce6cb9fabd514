import type { ProcessStat, Signs } from "./processes.ts";
import type { Held, Record } from "./record.ts";

/** pid → start time. */
export type Known = Map<number, number>;

/** Whether this very process is among them. */
export function holds(known: Known, { pid, startTime }: ProcessStat): boolean {
  return known.get(pid) === startTime;
}

/**
 * What is known of the tree of one attempt beyond what its processes show at a moment: which were seen in it, and which
 * of them agentctl has stopped. Kept from one operation to the next, and in a file for the next daemon.
 */
export class Tree {
  readonly signs: Signs;
  /** The session in which its guard began it; null where that is not known. */
  session: number | null = null;
  /** The guard may run another attempt's program in the session since then, by the clock of start times. */
  releasedAt: number | null = null;
  /** Every process that was seen in the tree and has not been seen to be gone. */
  readonly known: Known = new Map();
  /** Those that agentctl has stopped. */
  readonly stopped: Known = new Map();
  /** Those that were stopped before agentctl stopped the tree. */
  readonly before: Known = new Map();
  /** The next daemon is told of what shows no sign of its own. */
  readonly unmarked: Known = new Map();
  /** agentctl has stopped the tree, or is about to. */
  isHeld = false;
  /** Some of it was seen by an earlier daemon only. */
  isAdopted = false;
  readonly #sessions = new Map<number, number>();
  readonly #record: Record | null;

  constructor(signs: Signs, record: Record | null) {
    this.signs = signs;
    this.#record = record;
    const kept = record?.read();
    if (!kept) return;
    this.isHeld = kept.isHeld;
    for (const [pid, startTime] of kept.seen) {
      this.known.set(pid, startTime);
      this.unmarked.set(pid, startTime);
    }
    for (const [pid, startTime] of kept.before) this.before.set(pid, startTime);
  }

  add(stat: ProcessStat): void {
    this.known.set(stat.pid, stat.startTime);
    this.#sessions.set(stat.pid, stat.session);
  }

  /** A process that was taken out of the tree on purpose. */
  drop({ pid }: ProcessStat): void {
    this.known.delete(pid);
    this.#sessions.delete(pid);
  }

  /** Whether its session was begun by a process of the tree. */
  hasSession({ session, startTime }: ProcessStat): boolean {
    const leader = this.known.get(session);
    return leader !== undefined && leader <= startTime;
  }

  /**
   * Forgets those that are gone, because their pids are used again. Not the one whose session goes on: its pid is not
   * given to another process before the session has ended.
   */
  prune(isThere: (pid: number) => boolean): void {
    const sessions = new Set<number>();
    for (const [pid, session] of this.#sessions) if (isThere(pid)) sessions.add(session);
    for (const pid of this.known.keys()) {
      if (isThere(pid) || sessions.has(pid)) continue;
      this.known.delete(pid);
      this.unmarked.delete(pid);
      this.#sessions.delete(pid);
    }
  }

  /** From here on the next daemon knows that agentctl is stopping the tree. */
  hold(): void {
    if (this.isHeld) return;
    this.isHeld = true;
    this.before.clear();
    this.save();
  }

  /** Nothing of the tree is stopped by agentctl any more. */
  release(): void {
    this.stopped.clear();
    this.before.clear();
    if (!this.isHeld) return;
    this.isHeld = false;
    this.save();
  }

  /** Writes down what the next daemon needs; where there is no room for that, it does without. */
  save(): void {
    const held: Held = { isHeld: this.isHeld, seen: [...this.unmarked], before: [...this.before] };
    this.#record?.write(held);
  }

  forget(): void {
    this.#record?.remove();
  }
}
