/** How full the queues are, and what could start in them: what the plan and the rules of room look at. */
import type { State } from "../core/machine.ts";
import type { PauseMode, ResumesWith } from "../core/task.ts";

/** A task that could start, or be resumed by itself, and what it takes. */
export interface Waiting {
  id: number;
  state: State;
  attempt: number;
  priority: number;
  slots: number;
  /** The slots of these numbers and no others: those of a frozen task. */
  slotNumbers: number[] | null;
  /** A suspended one that resumes by itself says with what. */
  resumesWith: ResumesWith | null;
}

/** A working task that might give its slots to another. */
export interface Working {
  id: number;
  priority: number;
  slots: number;
  /** When its present phase of work began. */
  since: number;
  /** It has a checkpoint or a journal. */
  continues: boolean;
  pauseMode: PauseMode;
}

/** How many slots are taken, and which numbers. */
export interface Occupancy {
  slots: number | null;
  used: number;
  /** Over all queues. */
  usedInAll: number;
  held: boolean;
  numbered: boolean;
  numbers: readonly number[];
}

/** What the plan looks at of one queue that is not held. */
export interface QueueView {
  queue: string;
  slots: number | null;
  used: number;
  numbered: boolean;
  preempt: boolean;
  /** The numbers that are taken, where it is numbered. */
  numbers: number[];
  /** The first that could start, higher priority first, then lower id; none that takes more slots than it has. */
  waiting: Waiting[];
  /** What could be preempted, where it preempts or memory is short. */
  working: Working[];
}

/** What the plan looks at. */
export interface Snapshot {
  queues: QueueView[];
  /** The slots that are taken in all queues, held ones too. */
  used: number;
}

/** How a snapshot is taken. */
export interface View {
  /** At most so many waiting tasks of a queue. */
  perQueue: number;
  slotsMax: number | null;
  /** Working tasks that are about to leave: their slots count as free. */
  leaving: ReadonlySet<number>;
  /** The working tasks of every queue, and not only of those that preempt. */
  withWorking: boolean;
}
