import type { AgentctlError } from "../../core/errors.ts";
import type { Attempt, Failure, Intent, Task } from "../../core/task.ts";
import type { Running } from "../../runner/index.ts";
import { type Deferred, deferred } from "../deferred.ts";
import type { StepIntake } from "./step-intake.ts";

/** The daemon's end of a connection on which an attempt said hello: what it can be told unasked. */
export interface Link {
  /** It is to save a checkpoint and end; `over` says that the grace time has passed and the kill is near. */
  pause(params: { graceMs: number; over: boolean }): void;
  cancel(params: { graceMs: number }): void;
  /** The answer to the question of this place in its journal. */
  answer(params: { n: number; base: number; answer: string }): void;
}

/**
 * What the daemon knows of an attempt that has a process, beside what the store keeps. It is made when the
 * attempt begins or is adopted and dropped when its end is committed; everything in it can be found again.
 */
export interface ActiveAttempt {
  readonly taskId: number;
  readonly attempt: number;
  readonly token: string;
  readonly runKey: string;
  readonly isModule: boolean;
  /** The program or module, for messages. */
  readonly what: string;
  running: Running | null;
  /** Settles when it has been given its process, or could not be. */
  launched: Promise<void>;
  link: Link | null;
  saidHello: boolean;
  /** A module's host has said that it heard of the cancel. */
  isHearing: boolean;
  /** It saved a checkpoint in this attempt. */
  saved: boolean;
  frozen: boolean;
  intent: Intent | null;
  /** By the clock that stands still while the machine sleeps: when the present phase of work began. */
  workingSince: number;
  /** How long the present phase of work was, once its process is gone. */
  worked: number | null;
  /** Takes what a module's host made durable by itself. */
  steps: StepIntake | null;
  /** Calls that have begun and not ended, by `nameOf`. */
  inFlight: Map<string, { name: string; startedAt: number }>;
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
  /** The process has ended; what follows from it is being committed. */
  isEnding: boolean;
  /** The grace time of a pause under way; `deadline` is by the clock that does not jump. */
  grace: { timer: NodeJS.Timeout | null; deadline: number | null };
  timeout: NodeJS.Timeout | null;
  /** The cancel that is under way; answers why it failed, or null. */
  canceling: Promise<AgentctlError | null>;
  /** Why not all that it left running could be ended. */
  unended: AgentctlError | null;
  /** Settled when the pause that is under way is over: with the task, or the error that ended the pause. */
  pausing: Deferred<Task> | null;
  /** Resolved with the task as the end of this attempt left it. */
  readonly ended: Deferred<Task>;
}

/** A live attempt at its beginning. */
export function createActiveAttempt(
  attempt: Pick<Attempt, "taskId" | "n" | "token" | "runKey" | "saidHello" | "result">,
  task: Pick<Task, "kind" | "argv" | "module" | "intent" | "frozen" | "checkpoint" | "journaled">,
  now: number,
): ActiveAttempt {
  return {
    taskId: attempt.taskId,
    attempt: attempt.n,
    token: attempt.token,
    runKey: attempt.runKey,
    isModule: task.kind === "module",
    what: task.module?.path ?? task.argv?.[0] ?? "",
    running: null,
    launched: Promise.resolve(),
    link: null,
    saidHello: attempt.saidHello,
    isHearing: false,
    saved: task.checkpoint?.attempt === attempt.n,
    frozen: task.frozen,
    intent: task.intent,
    workingSince: now,
    worked: null,
    steps: null,
    inFlight: new Map(),
    isJournaled: task.journaled,
    sleepUntil: null,
    isDone: false,
    result: attempt.result,
    startFailure: null,
    trimming: null,
    isEnding: false,
    grace: { timer: null, deadline: null },
    timeout: null,
    canceling: Promise.resolve(null),
    unended: null,
    pausing: null,
    ended: deferred(),
  };
}

/** Whether a pause can ask this attempt for a checkpoint instead of freezing it. */
export function canCheckpoint(active: ActiveAttempt): boolean {
  return active.isModule || active.saidHello || active.saved;
}

/** Stops the timers of an attempt that needs no more of them. */
export function dropTimers(active: ActiveAttempt): void {
  if (active.grace.timer) clearTimeout(active.grace.timer);
  if (active.timeout) clearTimeout(active.timeout);
  active.grace = { timer: null, deadline: null };
  active.timeout = null;
}

/** Ends the pause that is under way with `error`; the attempt goes on. */
export function failPause(active: ActiveAttempt, error: AgentctlError): void {
  if (active.grace.timer) clearTimeout(active.grace.timer);
  active.grace = { timer: null, deadline: null };
  active.pausing?.reject(error);
  active.pausing = null;
  // A cancel that overtook the pause stands.
  if (active.intent?.kind === "pause") active.intent = null;
}
