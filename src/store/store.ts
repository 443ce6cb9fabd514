/**
 * What the engine needs from durable storage, in the domain's words. Every method that writes resolves after its
 * transaction is on disk (fsynced). If it rejects, it has changed nothing. It rejects with an AgentctlError:
 * `StoreUnavailable` if the disk is full or the file cannot be used, `StaleAttempt` if a token is not that of the live
 * attempt, `TaskNotFound`, `QueueNotFound`, … as documented at the method.
 *
 * Writes that arrive at about the same time share one transaction. A refused write does not affect the others.
 */
import type { State, Transition } from "../core/machine.ts";
import type { Submitted } from "../core/submitted.ts";
import type {
  Attempt,
  AttemptOutcome,
  CheckpointInfo,
  Intent,
  Kept,
  Message,
  Question,
  Queue,
  Step,
  StepKey,
  StepName,
  Task,
  TaskEvent,
} from "../core/task.ts";
import type { Artifact, NewArtifact } from "./artifact.ts";
import type { Deliveries } from "./deliveries.ts";
import type { EditChange } from "./edit-change.ts";
import type { Inbox } from "./inbox.ts";
import type { Patch } from "./patch.ts";
import type { Occupancy, Snapshot, SnapshotOptions } from "./queue-view.ts";
import type { Schedules } from "./schedules.ts";

export type { Artifact, NewArtifact } from "./artifact.ts";
export type { Patch } from "./patch.ts";

/** The fields of a new task; the store adds id, state and times. */
export type Seed = Submitted &
  Pick<Task, "uuid" | "kind" | "argv" | "module" | "input" | "envHash" | "sessionKey"> & {
    at: number;
    actor: string;
    /** What every attempt reads from its stdin. */
    stdinData?: Buffer;
    envNames?: string[];
    account?: string | null;
    /** Why `notBefore` holds the task back, if nobody gave that time. */
    delay?: "limit";
    /** The fields that depend on the task's id: where it works. */
    placed?: (id: number) => Pick<Task, "cwd" | "checkout">;
    /** What the new task takes over from another one. */
    carried?: Carried;
    /** Set if the task was paused in another home; it arrives in that state. */
    paused?: Pick<Task, "pause" | "progress" | "startedAt" | "runMs" | "pausedMs">;
  };

/** What a task takes over from another one, of this or of another home, in order to continue it. */
export interface Carried {
  checkpoint: { data: Buffer; info: CheckpointInfo } | null;
  steps: Step[];
  kept?: Kept[];
  messages?: Omit<Message, "id">[];
  artifacts?: NewArtifact[];
}

/** One move of one task, with everything that must change in the same transaction. */
export interface Change {
  id: number;
  transition: Exclude<Transition, "run">;
  /** The attempt that the move is about; it must still be the newest. */
  attempt?: number;
  /** Refuse the move as illegal unless the question that was asked at this time is still open. */
  question?: number;
  at: number;
  cause: string;
  actor: string;
  data?: Record<string, unknown>;
  set?: Patch;
  /** The attempt that begins with this move. */
  begin?: Pick<Attempt, "token" | "runKey" | "bootId"> &
    Partial<Pick<Attempt, "pid" | "pidStart">> &
    Partial<Pick<Task, "slotNumbers">>;
  /** Move only if the task is queued, neither held nor blocked, and its queue is not held and has room for it. */
  fromQueue?: { slotsMax: number | null; slotNumbers: number[] | null };
  /** The live attempt ends with this move. */
  end?: {
    outcome: AttemptOutcome;
    exitCode: number | null;
    signal: string | null;
    endedAt: number;
    /** The process id, in case the attempt ended before it was stored. */
    pid?: number | null;
  };
  /** How long the task ran since it began to work, in ms, by a clock that stops while the machine sleeps. */
  ranMs?: number;
  /** Continue from this checkpoint (0: from the start). Later steps are deleted, later checkpoints superseded. */
  continueFrom?: number;
}

export interface NewCheckpoint {
  data: Buffer;
  label: string | null;
  /** `own` makes the checkpoint itself the base of what follows. */
  base: number | "own";
  nonce: string | null;
  /** The values that running steps keep, under their names after an `own` checkpoint. */
  kept?: Omit<Kept, "base">[];
  /** Journaled steps that were not requested again. */
  unused?: StepName[];
  at: number;
}

/** A part of a journal, from some position on. */
export interface JournalPart {
  steps: Step[];
  next: number | null;
  /** The size of the results in all parts, in bytes. */
  totalBytes: number;
}

export interface ListQuery {
  states?: readonly State[];
  queue?: string;
  labels?: Record<string, string>;
  name?: string;
  /** In a cluster: tasks with a process on this machine, or on a machine with this label. */
  on?: string;
  /** Open tasks with this account. */
  account?: string;
  /** Tasks of agents that have reached a usage limit. */
  limited?: true;
  since?: number;
  /** Open tasks and this many of the most recently ended ones. */
  recent?: number;
  limit: number;
  /** Only ids above this one. */
  afterId?: number;
  /** Read only these fields; every other field of the returned tasks is null. */
  fields?: readonly (keyof Task)[];
}

/** The settings of a queue to change; a new queue needs `slots`. */
export type QueueChange = Partial<Pick<Queue, "slots" | "numbered" | "preempt">>;

export interface UpdateOptions {
  /** Refuse with `TaskImmutable` if the task is in none of these states. */
  states?: readonly State[];
  /** Refuse with `TaskImmutable` if its pause ends at another time: another machine was faster. */
  pausedUntil?: number | null;
  /** The event that reports the change. */
  event?: { cause: string; actor: string; at: number };
  /** The newest attempt ended without a move of the task. */
  end?: Change["end"];
  /** The attempt that writes this; refuse with `StaleAttempt` unless it is the live one of the task. */
  token?: string;
}

export interface Store {
  /** Submits all or none. A seed whose key exists resolves to the task that has the key. `QueueNotFound`. */
  create(seeds: Seed[]): Promise<{ task: Task; created: boolean }[]>;
  /** Makes one move with its event (compare-and-swap); rejects with {@link IllegalMove}. The only writer of states. */
  apply(change: Change): Promise<Task>;
  /** Makes several moves in one transaction: all or none. */
  applyAll(changes: Change[]): Promise<Task[]>;
  /** Changes fields without changing the state, if the task is still in one of `states`. */
  update(id: number, patch: Patch, options?: UpdateOptions): Promise<Task>;
  /** Changes the submitted fields of an open task, with an event. */
  edit(change: EditChange): Promise<Task>;
  /** Records what is about to be done to live attempts, and holds queues in the same transaction. */
  intend(intents: { id: number; attempt: number; intent: Intent | null }[], hold?: QueueHold): Promise<void>;

  /** Finds a task by id, uuid or name, or by its idempotency key. */
  find(ref: string | number | { key: string }): Promise<Task | undefined>;
  get(id: number): Promise<Task | undefined>;
  list(query: ListQuery): Promise<Task[]>;
  /** Tasks after this id that a starting daemon must check: those with a process, and those that a stop paused. */
  unfinished(afterId: number, limit: number): Promise<Task[]>;
  /** The tasks with undelivered messages, and the number of the newest message of each. */
  waitingMessages(): Promise<Map<number, number>>;
  /** Ended tasks after the given one, most recently ended first; only the fields needed to find their files. */
  ended(after: EndedTask | null, limit: number): Promise<EndedTask[]>;
  /** Whether a task has this id, or this idempotency key. */
  has(ref: number | { key: string }): Promise<boolean>;
  counts(): Promise<Record<State, number>>;
  /** What the scheduler plans with: the queues that are not held. */
  snapshot(options: SnapshotOptions): Promise<Snapshot>;
  /** How full each queue is, by its name. Counts no waiting tasks, because every shown task asks for it. */
  occupancy(): Promise<ReadonlyMap<string, Occupancy>>;
  /** What is due now, and when the next is due. */
  due(now: number): Promise<Due>;

  attempts(id: number): Promise<Attempt[]>;
  attemptOf(token: string): Promise<Attempt | undefined>;
  noteAttempt(
    id: number,
    n: number,
    update: Partial<Pick<Attempt, "pid" | "pidStart" | "saidHello" | "startedAt">>,
  ): Promise<void>;
  saveResult(token: string, result: NonNullable<Attempt["result"]>, unused?: StepName[]): Promise<void>;

  /** Saves a checkpoint of the live attempt of `token`, and deletes those beyond the number to keep. */
  saveCheckpoint(token: string, checkpoint: NewCheckpoint): Promise<CheckpointInfo>;
  checkpoints(id: number): Promise<CheckpointInfo[]>;
  /** The bytes of a checkpoint. `CheckpointNotFound`, `CheckpointCorrupt` (with `good`, the newest sound one). */
  checkpointData(id: number, seq: number): Promise<Buffer>;

  /** Acknowledges a step. If its key is already journaled, resolves to the journaled result. */
  acknowledge(
    token: string,
    step: Omit<Step, "position" | "attempt">,
  ): Promise<{ result: string; added: boolean }>;
  /** Acknowledges steps of the live attempt in their order, except those whose key is already journaled. */
  acknowledgeAll(token: string, steps: readonly Omit<Step, "position" | "attempt">[]): Promise<void>;
  /** Keeps a value for a step that has not ended, in place of an earlier one. Acknowledging the step deletes it. */
  keep(token: string, kept: Kept): Promise<void>;
  kept(id: number): Promise<Kept[]>;
  journal(id: number): Promise<Step[]>;
  /**
   * The calls after position `after` that a module may request when it continues from a checkpoint of this `base`:
   * results of about `maxBytes`, at least one call. `next` is the `after` of the rest, or null.
   */
  journalPart(id: number, part: { base: number; after: number; maxBytes: number }): Promise<JournalPart>;
  /** Rejects with `CheckpointCorrupt` if a call up to this position is missing or its result cannot be read. */
  requireJournal(id: number, upTo?: number): Promise<void>;
  stepsOf(id: number): Promise<Omit<Step, "result">[]>;
  /** Delivers the messages that were not delivered yet, and journals them under `key` if that is given. */
  takeMessages(
    token: string,
    key: (StepKey & { call: number; alone: boolean }) | null,
    at: number,
  ): Promise<string[]>;
  /** Opens a question of the live attempt. Resolves to the journaled answer if there is one. */
  openQuestion(token: string, question: Question): Promise<string | null>;
  /** Journals the answer to the open question. A task that is `input-required` is queued again. */
  answer(
    id: number,
    answer: { text: string; at: number; actor: string },
  ): Promise<{ task: Task; question: Question }>;

  addArtifact(token: string, artifact: NewArtifact): Promise<void>;
  artifacts(id: number): Promise<Artifact[]>;

  events(query: { after: number; task?: number; limit: number }): Promise<TaskEvent[]>;
  lastEvent(): Promise<number>;
  /** Calls `listener` after each commit that wrote events. */
  onEvents(listener: (events: readonly TaskEvent[]) => void): void;

  /** The events that are still to be sent to hooks. */
  readonly deliveries: Deliveries;
  readonly schedules: Schedules;
  readonly inbox: Inbox;

  /** The queues, with how many tasks work and wait in each, and how many slots are taken. */
  queues(): Promise<(Queue & { working: number; used: number; waiting: number })[]>;
  /** Makes a queue (held if a pause holds all) or changes its settings. A new one without `slots`: `QueueNotFound`. */
  setQueue(name: string, change: QueueChange): Promise<{ created: boolean }>;
  /** Holds (`holder`) or releases (null) a queue; resolves to whether that changed anything. */
  holdQueue(name: string, holder: string | null): Promise<boolean>;
  /** Releases every queue that the pause `holder` holds. */
  releaseHeldBy(holder: string): Promise<void>;
  removeQueue(name: string): Promise<void>;

  delete(id: number, origin: { at: number; actor: string; reason?: string | null }): Promise<Task>;
  /** The environments of these tasks that neither an open task nor a schedule uses. */
  unusedEnvironments(ids: readonly number[]): Promise<Set<string>>;
  /** The environments that an open task or a schedule uses. */
  usedEnvironments(): Promise<Set<string>>;
  close(): void | Promise<void>;
}

/** What is due by the clock. */
export interface Due {
  tasks: Task[];
  /** Pauses whose holds of queues have ended. */
  holds: string[];
  next: number | null;
}

/** Queues that a pause holds, until it is resumed or until a time. */
export interface QueueHold {
  queues: string[] | "all";
  by: string;
  until: number | null;
}

/** An ended task, with only the fields that {@link Store.ended} needs. */
export interface EndedTask {
  id: number;
  endedAt: number;
}

/** Thrown if a move is not possible any more; `task` is the task as it is now. */
export class IllegalMove extends Error {
  readonly task: Task;
  constructor(task: Task, transition: Transition) {
    super(`task ${task.id} is ${task.state}: ${transition} is not possible`);
    this.name = "IllegalMove";
    this.task = task;
  }
}
