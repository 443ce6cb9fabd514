import type { AgentctlError } from "../../core/errors.ts";
import type { Attempt, Failure, Intent, StepKey, Task } from "../../core/task.ts";
import type { Running } from "../../runner/index.ts";
import { type Deferred, deferred } from "../deferred.ts";
import type { StepIntake } from "./steps/step-intake.ts";

/** The daemon's end of a connection on which an attempt said hello: the notifications that the daemon can send. */
export interface Link {
  message(): void;
  /** Asks it to save a checkpoint and end. `over`: the grace time has passed and the kill is near. */
  pause(params: { graceMs: number; over: boolean }): void;
  cancel(params: { graceMs: number }): void;
  /** Sends the answer to the question at this place in its journal. */
  answer(params: { n: number; base: number; answer: string }): void;
}

/** The phase of an attempt: it has no process yet, it runs, its process is stopped, or its process is gone. */
export type Phase = "launching" | "running" | "frozen" | "ending";

type Kind = Intent["kind"];

/**
 * An attempt has one request at a time. `phases`: the phases in which a request may be made. `replaces`: the requests
 * under way that it replaces. A cancel or a leave still decides what becomes of an attempt that is ending.
 */
const requestRules: Record<Kind, { phases: readonly Phase[]; replaces: readonly Kind[] }> = {
  pause: { phases: ["launching", "running", "frozen"], replaces: [] },
  cancel: {
    phases: ["launching", "running", "frozen", "ending"],
    replaces: ["pause", "leave", "timeout", "cancel"],
  },
  timeout: { phases: ["launching", "running"], replaces: [] },
  leave: { phases: ["launching", "running", "frozen", "ending"], replaces: [] },
};

/** The fields of the stored attempt from which an `ActiveAttempt` is made. */
type StoredAttempt = Pick<Attempt, "taskId" | "n" | "token" | "runKey" | "saidHello" | "result">;
type StoredTask = Pick<Task, "kind" | "argv" | "module" | "intent" | "frozen" | "checkpoint" | "journaled">;

/** Facts about an attempt that do not change its phase. */
interface AttemptDetails {
  /** Settles when the attempt has its process, or when the launch has failed. */
  launched: Promise<void>;
  link: Link | null;
  saidHello: boolean;
  /** The key of the question whose answer it waits for. */
  questionKey: StepKey | null;
  /** The id of the newest message that it was told to fetch; another machine may have received that message. */
  notifiedMessage: number;
  /** Whether a module's host has confirmed that it received the cancel. */
  hasConfirmedCancel: boolean;
  /** Whether it saved a checkpoint in this attempt. */
  hasSaved: boolean;
  /** When it last began to work, in ms, by the clock that stands still while the machine sleeps. */
  workingSince: number;
  /** How long it worked after `workingSince`, in ms; null while its process exists. */
  workedMs: number | null;
  /** Copies the steps that a module's host made durable in its step file into the store. */
  steps: StepIntake | null;
  /** Whether the store knows that the module calls steps, so that its journal says where it was. */
  isJournaled: boolean;
  /** When the last journaled sleep is over, in ms since 1970. */
  sleepUntil: number | null;
  /** Whether it said that we may end it. Its exit code and signal then mean nothing. */
  isDone: boolean;
  result: Attempt["result"];
  /** Why its program did not start; null if it did. */
  startFailure: Failure | null;
  /** Settles when the latest trimming of its log is over. */
  trimming: Promise<void> | null;
  /** The cancel that is under way. Resolves with the reason if it failed, else with null. */
  canceling: Promise<AgentctlError | null>;
  /** Why some process that it left running could not be ended. */
  endError: AgentctlError | null;
  /** Why its cancel could not be recorded, although it is carried out. */
  recordError: AgentctlError | null;
}

/** The fields that only the moves and requests below change. */
interface AttemptState {
  phase: Phase;
  /** The request under way. */
  intent: Intent | null;
  running: Running | null;
  /** Settles when the pause under way is over: with the task, or with the error that ended the pause. */
  pausing: Deferred<Task> | null;
}

/**
 * What the daemon knows about an attempt with a process, in addition to the store. It exists from the start or adoption
 * of the attempt until its end is committed. A later daemon can find everything in it again.
 */
export class ActiveAttempt implements Readonly<AttemptDetails & AttemptState> {
  readonly taskId: number;
  readonly attempt: number;
  readonly token: string;
  readonly runKey: string;
  readonly isModule: boolean;
  /** Whether its module is agentctl's own, which drives a coding agent. */
  readonly isAgent: boolean;
  /** The program or module, for messages. */
  readonly label: string;
  readonly phase: Phase;
  readonly intent: Intent | null;
  readonly running: Running | null = null;
  readonly pausing: Deferred<Task> | null = null;
  readonly launched: Promise<void> = Promise.resolve();
  readonly link: Link | null = null;
  readonly saidHello: boolean;
  readonly questionKey: StepKey | null = null;
  readonly notifiedMessage: number = 0;
  readonly hasConfirmedCancel: boolean = false;
  readonly hasSaved: boolean;
  readonly workingSince: number;
  readonly workedMs: number | null = null;
  readonly steps: StepIntake | null = null;
  readonly isJournaled: boolean;
  readonly sleepUntil: number | null = null;
  readonly isDone: boolean = false;
  readonly result: Attempt["result"];
  readonly startFailure: Failure | null = null;
  readonly trimming: Promise<void> | null = null;
  readonly canceling: Promise<AgentctlError | null> = Promise.resolve(null);
  readonly endError: AgentctlError | null = null;
  readonly recordError: AgentctlError | null = null;
  /** The calls that have begun and not ended, by the name of their key. */
  readonly inFlight = new Map<string, { name: string; startedAt: number }>();
  /** Resolves with the task as it is after the end of this attempt. */
  readonly ended: Deferred<Task> = deferred();
  /** Whether its tree is stopped. Stays true if it ends while stopped, because its guard is stopped too. */
  #isStopped: boolean;
  #grace: { timer: NodeJS.Timeout; deadline: number } | null = null;
  #limitTimer: NodeJS.Timeout | null = null;

  constructor(attempt: StoredAttempt, task: StoredTask, now: number) {
    this.taskId = attempt.taskId;
    this.attempt = attempt.n;
    this.token = attempt.token;
    this.runKey = attempt.runKey;
    this.isModule = task.kind !== "program";
    this.isAgent = task.kind === "agent";
    this.label = task.module?.path ?? task.argv?.[0] ?? "";
    this.phase = task.frozen ? "frozen" : "launching";
    this.#isStopped = task.frozen;
    this.intent = task.intent;
    this.saidHello = attempt.saidHello;
    this.hasSaved = task.checkpoint?.attempt === attempt.n;
    this.workingSince = now;
    this.isJournaled = task.journaled;
    this.result = attempt.result;
  }

  #set(fields: Partial<AttemptDetails & AttemptState>): void {
    Object.assign(this, fields);
  }

  update(details: Partial<AttemptDetails>): void {
    this.#set(details);
  }

  /** Whether the process has ended and its end is being committed. */
  get isEnding(): boolean {
    return this.phase === "ending";
  }

  get frozen(): boolean {
    return this.#isStopped;
  }

  /** When the grace time of the pause under way is over, in ms, by the clock that does not jump; null without one. */
  get graceDeadline(): number | null {
    return this.#grace?.deadline ?? null;
  }

  /** Whether a pause can ask this attempt for a checkpoint instead of freezing it. */
  get canCheckpoint(): boolean {
    return this.isModule || this.saidHello || this.hasSaved;
  }

  /** Notes the attempt's process, which may be stopped. */
  setProcess(running: Running): void {
    this.#set({ running, phase: this.phase === "launching" ? "running" : this.phase });
  }

  /** Notes that the tree is stopped. */
  markFrozen(): void {
    this.#isStopped = true;
    if (this.phase !== "ending") this.#set({ phase: "frozen" });
  }

  /** Notes that the tree is about to run again. */
  markThawed(): void {
    this.#isStopped = false;
    if (this.phase === "frozen") this.#set({ phase: this.running ? "running" : "launching" });
  }

  /** Notes that the process is gone, or never comes. Returns false if that was known: an attempt ends once. */
  markEnding(now: number): boolean {
    if (this.phase === "ending") return false;
    this.#set({ phase: "ending", workedMs: this.workedMs ?? now - this.workingSince });
    return true;
  }

  /**
   * Whether the store's `task` agrees with this attempt about being stopped, which may have changed during the read.
   * A request meant for a running attempt must not go to a stopped one, which cannot receive it.
   */
  agreesWithStore({ attempt, frozen }: Pick<Task, "attempt" | "frozen">): boolean {
    return this.phase === "ending" || attempt !== this.attempt || frozen === this.#isStopped;
  }

  /** Whether a request of this kind may be made now. */
  canRequest(kind: Kind): boolean {
    const { phases, replaces } = requestRules[kind];
    return phases.includes(this.phase) && (this.intent === null || replaces.includes(this.intent.kind));
  }

  /** Makes a request. Returns false if it comes too late, or cannot replace the request under way. */
  request(intent: Intent): boolean {
    if (!this.canRequest(intent.kind)) return false;
    this.#set({ intent, ...(intent.kind === "pause" ? { pausing: deferred<Task>() } : {}) });
    return true;
  }

  /** Takes over a request that an earlier daemon recorded, or that comes after the process is gone. */
  inheritRequest(intent: Intent | null): void {
    this.#set({ intent: this.intent ?? intent });
    if (this.intent?.kind === "pause") this.#set({ pausing: this.pausing ?? deferred<Task>() });
  }

  /** Forgets the request: it is carried out, or it failed. */
  dropRequest(): void {
    this.#set({ intent: null });
  }

  /** Ends the pause that is under way with `error`; the attempt goes on. */
  failPause(error: AgentctlError): void {
    this.#dropGrace();
    this.pausing?.reject(error);
    // Keep a cancel that has replaced the pause.
    this.#set({ pausing: null, intent: this.intent?.kind === "pause" ? null : this.intent });
  }

  /** Resolves the pause under way with its task, which is suspended. */
  finishPause(task: Task): void {
    this.pausing?.resolve(task);
    this.#set({ pausing: null });
  }

  /** Sets the grace time, which ends at `deadline`, when `timer` fires. Replaces an earlier one. */
  setGrace(timer: NodeJS.Timeout, deadline: number): void {
    this.#dropGrace();
    this.#grace = { timer, deadline };
  }

  /** Sets the timer of the time limit, or null for no limit. Replaces an earlier one. */
  setLimit(timer: NodeJS.Timeout | null): void {
    if (this.#limitTimer) clearTimeout(this.#limitTimer);
    this.#limitTimer = timer;
  }

  #dropGrace(): void {
    if (this.#grace) clearTimeout(this.#grace.timer);
    this.#grace = null;
  }

  /** Stops the timers of the grace time and the time limit. */
  dropTimers(): void {
    this.#dropGrace();
    this.setLimit(null);
  }

  beginCall(key: StepKey, startedAt: number): void {
    this.inFlight.set(nameOf(key), { name: key.name, startedAt });
  }

  endCall(key: StepKey): void {
    this.inFlight.delete(nameOf(key));
  }
}

const nameOf = ({ kind, name, n, base }: StepKey) => JSON.stringify([kind, name, n, base]);
