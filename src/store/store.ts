/**
 * What the engine asks of durable storage, in the domain's words. Every method that writes resolves after its
 * transaction is on disk (acknowledged means fsynced) and rejects with an AgentctlError, having changed nothing:
 * `StoreUnavailable` when the disk is full or the file cannot be used, `StaleAttempt` for a token that is not
 * that of the live attempt, `TaskNotFound`, `QueueNotFound`, … as documented at the method.
 *
 * Writes that arrive in one turn of the event loop share one transaction; one that is refused does not take its
 * neighbours with it.
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
import type { Occupancy, Snapshot, View } from "./queue-view.ts";
import type { Schedules } from "./schedules.ts";

export type { Artifact, NewArtifact } from "./artifact.ts";
export type { Patch } from "./patch.ts";

/** What a new task is made of; the store gives it id, state and times. */
export type Seed = Submitted &
  Pick<Task, "uuid" | "kind" | "argv" | "module" | "input" | "envHash" | "sessionKey"> & {
    at: number;
    actor: string;
    /** What every attempt reads from its stdin. */
    stdinData?: Buffer;
    envNames?: string[];
    account?: string | null;
    /** Why `notBefore` holds it back, where the time is not one that was given. */
    delay?: "limit";
    /** What follows from the id that the task gets: where it works. */
    placed?: (id: number) => Pick<Task, "cwd" | "checkout">;
    /** What the new task has of another one. */
    carried?: Carried;
    /** It was paused in another home, and arrives as it was. */
    paused?: Pick<Task, "pause" | "progress" | "startedAt" | "runMs" | "pausedMs">;
  };

/** What a task has of another one, from which it goes on: of this home, or of another one. */
export interface Carried {
  checkpoint: { data: Buffer; info: CheckpointInfo } | null;
  steps: Step[];
  kept?: Kept[];
  messages?: Omit<Message, "id">[];
  artifacts?: NewArtifact[];
}

/** One move of one task, with everything that is to be true at the same moment. */
export interface Change {
  id: number;
  transition: Exclude<Transition, "run">;
  /** The attempt that the move is about: it must still be the newest. */
  attempt?: number;
  /** Refused as an illegal move unless the question that was put at this time is still open. */
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
  /** Only where the task is still queued, neither held nor blocked, and its queue has room for it and is not held. */
  fromQueue?: { slotsMax: number | null; slotNumbers: number[] | null };
  /** The live attempt ends with this move. */
  end?: {
    outcome: AttemptOutcome;
    exitCode: number | null;
    signal: string | null;
    endedAt: number;
    /** The process, where the attempt may have ended before it was noted. */
    pid?: number | null;
  };
  /** How long the task ran since it began to work, by a clock that stands still while the machine sleeps. */
  ranMs?: number;
  /** Continue from this checkpoint (0: from the start): later steps are forgotten, later checkpoints superseded. */
  continueFrom?: number;
}

export interface NewCheckpoint {
  data: Buffer;
  label: string | null;
  /** `own` makes the checkpoint itself the base of what follows. */
  base: number | "own";
  nonce: string | null;
  /** What running steps keep, at their places after an `own` checkpoint. */
  kept?: Omit<Kept, "base">[];
  /** Journaled steps that were not asked for again. */
  unused?: StepName[];
  at: number;
}

/** Some calls of a journal, from some position on. */
export interface JournalPart {
  steps: Step[];
  next: number | null;
  /** How many bytes the results in all parts take. */
  totalBytes: number;
}

export interface ListQuery {
  states?: readonly State[];
  queue?: string;
  labels?: Record<string, string>;
  name?: string;
  /** In a cluster: with a process on this machine, or on one with this label. */
  on?: string;
  /** Of open tasks. */
  account?: string;
  /** Tasks of agents that are at a usage limit. */
  limited?: true;
  since?: number;
  /** Open tasks and so many that ended last. */
  recent?: number;
  limit: number;
  /** Ids above this one. */
  afterId?: number;
  /** Only these fields are read; every other one of the answered tasks is null. */
  fields?: readonly (keyof Task)[];
}

/** What is changed of a queue; a queue that is made needs slots. */
export type QueueChange = Partial<Pick<Queue, "slots" | "numbered" | "preempt">>;

export interface UpdateOptions {
  /** Refused with `TaskImmutable` where the task is in none of these. */
  states?: readonly State[];
  /** Refused with `TaskImmutable` where its pause ends at another time: another machine was faster. */
  pausedUntil?: number | null;
  /** Makes the change known. */
  event?: { cause: string; actor: string; at: number };
  /** The newest attempt ended without a move of the task. */
  end?: Change["end"];
  /** The attempt on whose behalf this is written; refused with `StaleAttempt` unless it is the live one of the task. */
  token?: string;
}

export interface Store {
  /** Submits all or none; a seed whose key exists is answered with the task that bears it. `QueueNotFound`. */
  create(seeds: Seed[]): Promise<{ task: Task; created: boolean }[]>;
  /** The only writer of a state: one compare-and-swap with its event. Rejects with {@link IllegalMove} when the move is not legal any more. */
  apply(change: Change): Promise<Task>;
  /** Several moves at once, all or none. */
  applyAll(changes: Change[]): Promise<Task[]>;
  /** Changes fields without a change of state, where the task is still in one of `states`. */
  update(id: number, patch: Patch, options?: UpdateOptions): Promise<Task>;
  /** Changes what an open task was submitted with, with its event. */
  edit(change: EditChange): Promise<Task>;
  /** Records what is about to be done to live attempts and holds queues in the same transaction. */
  intend(intents: { id: number; attempt: number; intent: Intent | null }[], hold?: QueueHold): Promise<void>;

  /** By id, uuid or name, or by its idempotency key. */
  find(ref: string | number | { key: string }): Promise<Task | undefined>;
  get(id: number): Promise<Task | undefined>;
  list(query: ListQuery): Promise<Task[]>;
  /** Tasks after this id that a daemon which starts has to look at: those with a process, and those that a stop paused. */
  unfinished(afterId: number, limit: number): Promise<Task[]>;
  /** Tasks with messages that nobody has taken, and the number of the newest of each. */
  waitingMessages(): Promise<Map<number, number>>;
  /** Ended tasks, those that ended last first, after the one given; only what it takes to find their files. */
  ended(after: EndedTask | null, limit: number): Promise<EndedTask[]>;
  /** Whether there is a task of this id, or one that bears this idempotency key. */
  has(ref: number | { key: string }): Promise<boolean>;
  counts(): Promise<Record<State, number>>;
  /** What the plan looks at: the queues that are not held. */
  snapshot(view: View): Promise<Snapshot>;
  /** How full each queue is, by its name; free of counting tasks that wait, for it is asked with every task that is shown. */
  occupancy(): Promise<ReadonlyMap<string, Occupancy>>;
  /** What the time has come for, and when it comes for the next. */
  due(now: number): Promise<Due>;

  attempts(id: number): Promise<Attempt[]>;
  attemptOf(token: string): Promise<Attempt | undefined>;
  noteAttempt(
    id: number,
    n: number,
    facts: Partial<Pick<Attempt, "pid" | "pidStart" | "saidHello" | "startedAt">>,
  ): Promise<void>;
  saveResult(token: string, result: NonNullable<Attempt["result"]>, unused?: StepName[]): Promise<void>;

  /** Saves a checkpoint of the live attempt that bears `token`, and drops those beyond the kept number. */
  saveCheckpoint(token: string, checkpoint: NewCheckpoint): Promise<CheckpointInfo>;
  checkpoints(id: number): Promise<CheckpointInfo[]>;
  /** The bytes of a checkpoint. `CheckpointNotFound`, `CheckpointCorrupt` (with `good`, the newest one that is whole). */
  checkpointData(id: number, seq: number): Promise<Buffer>;

  /** Acknowledges a step; answers the journaled result where the key is journaled already. */
  acknowledge(
    token: string,
    step: Omit<Step, "position" | "attempt">,
  ): Promise<{ result: string; added: boolean }>;
  /** Acknowledges steps of the live attempt in their order; those whose key is journaled already are left as they are. */
  acknowledgeAll(token: string, steps: readonly Omit<Step, "position" | "attempt">[]): Promise<void>;
  /** Keeps a value for a step that has not ended, in place of an earlier one. Acknowledging the step forgets it. */
  keep(token: string, kept: Kept): Promise<void>;
  kept(id: number): Promise<Kept[]>;
  journal(id: number): Promise<Step[]>;
  /**
   * The calls behind position `after` that a module may ask for which continues from a checkpoint of this `base`: results
   * of about `maxBytes`, at least one call; `next` is the `after` of the rest, or null.
   */
  journalPart(id: number, part: { base: number; after: number; maxBytes: number }): Promise<JournalPart>;
  /** Rejects with `CheckpointCorrupt` where a call up to this place is missing or its result cannot be read. */
  requireJournal(id: number, upTo?: number): Promise<void>;
  stepsOf(id: number): Promise<Omit<Step, "result">[]>;
  /** Messages that were not delivered yet, delivered now; journaled under `key` where there is one. */
  takeMessages(
    token: string,
    key: (StepKey & { call: number; alone: boolean }) | null,
    at: number,
  ): Promise<string[]>;
  /** Opens a question of the live attempt. Answers the journaled answer where there is one. */
  openQuestion(token: string, question: Question): Promise<string | null>;
  /** Journals the answer of the open question; a task that is `input-required` goes back into the queue. */
  answer(
    id: number,
    answer: { text: string; at: number; actor: string },
  ): Promise<{ task: Task; question: Question }>;

  addArtifact(token: string, artifact: NewArtifact): Promise<void>;
  artifacts(id: number): Promise<Artifact[]>;

  events(query: { after: number; task?: number; limit: number }): Promise<TaskEvent[]>;
  lastEvent(): Promise<number>;
  /** Called after each commit that wrote events. */
  onEvents(listener: (events: readonly TaskEvent[]) => void): void;

  /** What hooks are still to be told. */
  readonly deliveries: Deliveries;
  readonly schedules: Schedules;
  readonly inbox: Inbox;

  /** With how many tasks work and wait in each, and how many slots are taken. */
  queues(): Promise<(Queue & { working: number; used: number; waiting: number })[]>;
  /** Makes a queue, held by the pause that holds all where there is one, or changes what is given. `QueueNotFound` without slots. */
  setQueue(name: string, change: QueueChange): Promise<{ created: boolean }>;
  /** Holds (`by`) or releases (null) a queue; answers whether that changed anything. */
  holdQueue(name: string, by: string | null): Promise<boolean>;
  /** Releases every queue that the pause `by` holds. */
  releaseHeldBy(by: string): Promise<void>;
  removeQueue(name: string): Promise<void>;

  delete(id: number, by: { at: number; actor: string; reason?: string | null }): Promise<Task>;
  /** The environments of these tasks that no open task uses. */
  unusedEnvironments(ids: readonly number[]): Promise<Set<string>>;
  /** Environments that an open task still uses. */
  usedEnvironments(): Promise<Set<string>>;
  close(): void | Promise<void>;
}

/** What is due by the clock. */
export interface Due {
  tasks: Task[];
  /** Pauses whose hold of queues is over. */
  holds: string[];
  next: number | null;
}

/** Queues that a pause holds, until it is resumed or until a time. */
export interface QueueHold {
  queues: string[] | "all";
  by: string;
  until: number | null;
}

/** An ended task, as short as can be. */
export interface EndedTask {
  id: number;
  endedAt: number;
}

/** A move was refused because the task is elsewhere by now; `task` is how it is. */
export class IllegalMove extends Error {
  readonly task: Task;
  constructor(task: Task, transition: Transition) {
    super(`task ${task.id} is ${task.state}: ${transition} is not possible`);
    this.name = "IllegalMove";
    this.task = task;
  }
}
