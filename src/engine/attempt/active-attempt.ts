import type { AgentctlError } from "../../core/errors.ts";
import type { Attempt, Failure, Intent, StepKey, Task } from "../../core/task.ts";
import type { Running } from "../../runner/index.ts";
import { type Deferred, deferred } from "../deferred.ts";
import type { StepIntake } from "./steps/step-intake.ts";

/** The daemon's end of a connection on which an attempt said hello: what it can be told unasked. */
export interface Link {
  message(): void;
  /** It is to save a checkpoint and end; `over` says that the grace time has passed and the kill is near. */
  pause(params: { graceMs: number; over: boolean }): void;
  cancel(params: { graceMs: number }): void;
  /** The answer to the question of this place in its journal. */
  answer(params: { n: number; base: number; answer: string }): void;
}

/** Where an attempt is: without a process yet, running, stopped where it stands, or its process is gone. */
export type Phase = "launching" | "running" | "frozen" | "ending";

type Kind = Intent["kind"];

/**
 * One request at a time: in which phases each may be made, and which request under way it takes the place of. A cancel that
 * is on record, and an attempt's own word that it leaves, still decide what becomes of one that is ending.
 */
const requests: Record<Kind, { in: readonly Phase[]; over: readonly Kind[] }> = {
  pause: { in: ["launching", "running", "frozen"], over: [] },
  cancel: { in: ["launching", "running", "frozen", "ending"], over: ["pause", "leave", "timeout", "cancel"] },
  timeout: { in: ["launching", "running"], over: [] },
  leave: { in: ["launching", "running", "frozen", "ending"], over: [] },
};

/** What an attempt is made of at its beginning. */
type Begun = Pick<Attempt, "taskId" | "n" | "token" | "runKey" | "saidHello" | "result">;
type BegunTask = Pick<Task, "kind" | "argv" | "module" | "intent" | "frozen" | "checkpoint" | "journaled">;

/** What is learned of an attempt, and moves it nowhere. */
interface Facts {
  /** Settles when it has been given its process, or could not be. */
  launched: Promise<void>;
  link: Link | null;
  saidHello: boolean;
  /** The question that it waits with. */
  asked: StepKey | null;
  /** The newest message of which it was told that another machine may have taken it. */
  toldMessage: number;
  /** A module's host has said that it heard of the cancel. */
  isHearing: boolean;
  /** It saved a checkpoint in this attempt. */
  saved: boolean;
  /** By the clock that stands still while the machine sleeps: when the present phase of work began. */
  workingSince: number;
  /** How long the present phase of work was, once its process is gone. */
  worked: number | null;
  /** Takes what a module's host made durable by itself. */
  steps: StepIntake | null;
  /** It is durable that the module calls steps, so that its journal says where it was. */
  isJournaled: boolean;
  /** When the sleep that was journaled last is over. */
  sleepUntil: number | null;
  /** It said that it may be ended: how its process then dies says nothing. */
  isDone: boolean;
  result: Attempt["result"];
  /** Why it could not be started, where its program never came up. */
  startFailure: Failure | null;
  /** Its log is being shortened. */
  trimming: Promise<void> | null;
  /** The cancel that is under way; answers why it failed, or null. */
  canceling: Promise<AgentctlError | null>;
  /** Why not all that it left running could be ended. */
  unended: AgentctlError | null;
  /** Why its cancel, which is carried out, is not on record. */
  unrecorded: AgentctlError | null;
}

/** What only the moves and requests below change. */
interface Situation {
  phase: Phase;
  /** What is being done to it. */
  intent: Intent | null;
  running: Running | null;
  /** Settled when the pause that is under way is over: with the task, or the error that ended the pause. */
  pausing: Deferred<Task> | null;
}

/**
 * What the daemon knows of an attempt that has a process, beside what the store keeps. It is made when the attempt begins
 * or is adopted and dropped when its end is committed; everything in it can be found again.
 */
export class ActiveAttempt implements Readonly<Facts & Situation> {
  readonly taskId: number;
  readonly attempt: number;
  readonly token: string;
  readonly runKey: string;
  readonly isModule: boolean;
  /** Its module is agentctl's own, which drives a coding agent. */
  readonly isAgent: boolean;
  /** The program or module, for messages. */
  readonly what: string;
  readonly phase: Phase;
  readonly intent: Intent | null;
  readonly running: Running | null = null;
  readonly pausing: Deferred<Task> | null = null;
  readonly launched: Promise<void> = Promise.resolve();
  readonly link: Link | null = null;
  readonly saidHello: boolean;
  readonly asked: StepKey | null = null;
  readonly toldMessage: number = 0;
  readonly isHearing: boolean = false;
  readonly saved: boolean;
  readonly workingSince: number;
  readonly worked: number | null = null;
  readonly steps: StepIntake | null = null;
  readonly isJournaled: boolean;
  readonly sleepUntil: number | null = null;
  readonly isDone: boolean = false;
  readonly result: Attempt["result"];
  readonly startFailure: Failure | null = null;
  readonly trimming: Promise<void> | null = null;
  readonly canceling: Promise<AgentctlError | null> = Promise.resolve(null);
  readonly unended: AgentctlError | null = null;
  readonly unrecorded: AgentctlError | null = null;
  /** Calls that have begun and not ended, by what names them. */
  readonly inFlight = new Map<string, { name: string; startedAt: number }>();
  /** Resolved with the task as the end of this attempt left it. */
  readonly ended: Deferred<Task> = deferred();
  /** Its tree is stopped; stays true of one that ends so, whose guard is stopped with it. */
  #isStopped: boolean;
  #grace: { timer: NodeJS.Timeout; deadline: number } | null = null;
  #limit: NodeJS.Timeout | null = null;

  constructor(attempt: Begun, task: BegunTask, now: number) {
    this.taskId = attempt.taskId;
    this.attempt = attempt.n;
    this.token = attempt.token;
    this.runKey = attempt.runKey;
    this.isModule = task.kind !== "program";
    this.isAgent = task.kind === "agent";
    this.what = task.module?.path ?? task.argv?.[0] ?? "";
    this.phase = task.frozen ? "frozen" : "launching";
    this.#isStopped = task.frozen;
    this.intent = task.intent;
    this.saidHello = attempt.saidHello;
    this.saved = task.checkpoint?.attempt === attempt.n;
    this.workingSince = now;
    this.isJournaled = task.journaled;
    this.result = attempt.result;
  }

  #set(fields: Partial<Facts & Situation>): void {
    Object.assign(this, fields);
  }

  learn(facts: Partial<Facts>): void {
    this.#set(facts);
  }

  /** The process has ended; what follows from it is being committed. */
  get isEnding(): boolean {
    return this.phase === "ending";
  }

  get frozen(): boolean {
    return this.#isStopped;
  }

  /** When the grace time of the pause under way is over, by the clock that does not jump; null without one. */
  get graceDeadline(): number | null {
    return this.#grace?.deadline ?? null;
  }

  /** Whether a pause can ask this attempt for a checkpoint instead of freezing it. */
  get canCheckpoint(): boolean {
    return this.isModule || this.saidHello || this.saved;
  }

  /** It has its process, which may be stopped. */
  hasProcess(running: Running): void {
    this.#set({ running, phase: this.phase === "launching" ? "running" : this.phase });
  }

  /** The tree is stopped. */
  freezes(): void {
    this.#isStopped = true;
    if (this.phase !== "ending") this.#set({ phase: "frozen" });
  }

  /** The tree is about to run again. */
  thaws(): void {
    this.#isStopped = false;
    if (this.phase === "frozen") this.#set({ phase: this.running ? "running" : "launching" });
  }

  /** Its process is gone, or it gets none. Answers false where that was known: an attempt ends once. */
  ends(now: number): boolean {
    if (this.phase === "ending") return false;
    this.#set({ phase: "ending", worked: this.worked ?? now - this.workingSince });
    return true;
  }

  /**
   * Whether it is where the store said when `task` was read: it may have been stopped, or been let go on, before that
   * answer was here. What would be asked of a running attempt is asked of no stopped one, which could not hear it.
   */
  isAsInStore({ attempt, frozen }: Pick<Task, "attempt" | "frozen">): boolean {
    return this.phase === "ending" || attempt !== this.attempt || frozen === this.#isStopped;
  }

  /** Whether a request of this kind may be made now. */
  mayRequest(kind: Kind): boolean {
    const { in: phases, over } = requests[kind];
    return phases.includes(this.phase) && (this.intent === null || over.includes(this.intent.kind));
  }

  /** Makes a request; false where another is under way that it does not take the place of, or it comes too late. */
  request(intent: Intent): boolean {
    if (!this.mayRequest(intent.kind)) return false;
    this.#set({ intent, ...(intent.kind === "pause" ? { pausing: deferred<Task>() } : {}) });
    return true;
  }

  /** The request that an earlier daemon recorded, or that is being made of one that is gone already. */
  inherits(intent: Intent | null): void {
    this.#set({ intent: this.intent ?? intent });
    if (this.intent?.kind === "pause") this.#set({ pausing: this.pausing ?? deferred<Task>() });
  }

  /** The request is carried out, or came to nothing. */
  dropRequest(): void {
    this.#set({ intent: null });
  }

  /** Ends the pause that is under way with `error`; the attempt goes on. */
  failPause(error: AgentctlError): void {
    this.#dropGrace();
    this.pausing?.reject(error);
    // A cancel that overtook the pause stands.
    this.#set({ pausing: null, intent: this.intent?.kind === "pause" ? null : this.intent });
  }

  /** Ends the pause that is under way: its task is suspended. */
  finishPause(task: Task): void {
    this.pausing?.resolve(task);
    this.#set({ pausing: null });
  }

  /** The grace time ends at `deadline`, when `timer` goes off; in the place of an earlier one. */
  setGrace(timer: NodeJS.Timeout, deadline: number): void {
    this.#dropGrace();
    this.#grace = { timer, deadline };
  }

  /** The time limit ends when `timer` goes off; null where there is none. */
  setLimit(timer: NodeJS.Timeout | null): void {
    if (this.#limit) clearTimeout(this.#limit);
    this.#limit = timer;
  }

  #dropGrace(): void {
    if (this.#grace) clearTimeout(this.#grace.timer);
    this.#grace = null;
  }

  /** Stops the timers of an attempt that needs no more of them. */
  dropTimers(): void {
    this.#dropGrace();
    this.setLimit(null);
  }

  callBegins(key: StepKey, startedAt: number): void {
    this.inFlight.set(nameOf(key), { name: key.name, startedAt });
  }

  callEnds(key: StepKey): void {
    this.inFlight.delete(nameOf(key));
  }
}

const nameOf = ({ kind, name, n, base }: StepKey) => JSON.stringify([kind, name, n, base]);
