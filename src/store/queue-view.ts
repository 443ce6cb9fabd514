/** How full the queues are, and what could start in them: the input of the scheduler and of `rules/room.ts`. */
import type { State } from "../core/machine.ts";
import type { PauseMode, ResumesWith } from "../core/task.ts";

/** A task that could start, or resume without a user, and what it needs. */
export interface Waiting {
  id: number;
  state: State;
  attempt: number;
  priority: number;
  slots: number;
  /** The only slots that it can take, by number: those of a frozen task. */
  slotNumbers: number[] | null;
  /** What a suspended task waits for in order to resume without a user. */
  resumesWith: ResumesWith | null;
}

/** A working task that could give its slots to another. */
export interface Working {
  id: number;
  priority: number;
  slots: number;
  /** When its current phase of work began. */
  since: number;
  /** Whether it has a checkpoint or a journal. */
  continues: boolean;
  pauseMode: PauseMode;
}

/** How many slots of a queue are taken, and which numbers. */
export interface Occupancy {
  slots: number | null;
  used: number;
  /** The slots that are taken in all queues; in a cluster, on this machine. */
  usedInAll: number;
  held: boolean;
  numbered: boolean;
  numbers: readonly number[];
}

/** What the scheduler reads of one queue that is not held. */
export interface QueueView {
  queue: string;
  slots: number | null;
  used: number;
  numbered: boolean;
  preempt: boolean;
  /** The numbers that are taken, if the queue is numbered. */
  numbers: number[];
  /**
   * The first that could start, highest priority first, then lowest id; none that needs more slots than the queue has.
   */
  waiting: Waiting[];
  /** The tasks that could be preempted, if the queue preempts or memory is short. */
  working: Working[];
}

/** What the scheduler plans with. */
export interface Snapshot {
  queues: QueueView[];
  /** The slots that are taken in all queues, held ones too; in a cluster, on this machine. */
  used: number;
}

/** How a snapshot is taken. */
export interface SnapshotOptions {
  /** At most this many waiting tasks of a queue. */
  perQueue: number;
  slotsMax: number | null;
  /** Working tasks that are about to leave: their slots count as free. */
  leaving: ReadonlySet<number>;
  /** Read the working tasks of every queue, not only of queues that preempt. */
  withWorking: boolean;
}
