/** The types of what a task module is given. They stand by themselves, because every user's compiler reads them. */

/** A duration: `"500ms"`, `"90s"`, `"15m"`, `"2h"`, `"3d"`, or a number of milliseconds. */
export type Duration = string | number;

/** What a step's function is given. */
export interface StepContext {
  /** Aborted when the try runs out of its `timeout`, and whenever `task.signal` is. */
  readonly signal: AbortSignal;
  /** The number of this try, counted from 1. */
  readonly try: number;
  /** What {@link keep} was given last for this step, also in an attempt that was paused or died; undefined at first. */
  readonly kept: unknown;
  /**
   * Keeps a JSON value of at most 64 KiB with which this step goes on when it runs again, such as the id of a session;
   * durable when it returns. It is forgotten when the step has its result.
   */
  keep(value: unknown): Promise<void>;
  /**
   * A point at which this step may be left: while a pause is asked for it does not return in this attempt, and the step
   * runs again after the resume, with what it {@link kept}. Returns when no pause is asked for, or it was called off.
   */
  safePoint(): Promise<void>;
  /** As `task.suspend`, from inside a step, which is left here and runs again after the resume, with what it kept. */
  suspend(options: SuspendOptions): Promise<never>;
}

/** Why a task suspends itself, and for how long. */
export interface SuspendOptions {
  /** `limit` of a provider, `budget` that is used up, `stalled` work, or a `mismatch` of what was to be continued. */
  cause: "limit" | "budget" | "stalled" | "mismatch";
  /** Shown to people; at most 1000 characters. */
  reason?: string;
  /** When it resumes by itself: a Date, ISO 8601 or milliseconds since 1970. Without it only a user resumes it. */
  until?: Date | string | number | null;
  /** What is wrong, shown as the task's error until it is resumed. */
  error?: { name: string; message: string };
}

/** How a step is tried. */
export interface StepOptions {
  /** How often a failed function is tried again; 0 unless given. The waits are 100 ms, 200 ms, 400 ms, …, at most 30 s. */
  retries?: number;
  /** How long one try may take; past it the step's signal is aborted and the try fails with an error named `TimedOut`. */
  timeout?: Duration;
}

/** How a question is put. */
export interface AskOptions {
  /** The answers that are accepted; any text unless given. */
  choices?: readonly string[];
  /** How long the question waits; then `default`, which must be given with it, is the answer. */
  timeout?: Duration;
  /** The answer when `timeout` is over. */
  default?: string;
}

/** What an artifact is made of: text, bytes, or a file to copy (relative to the working directory). */
export type ArtifactContent = string | Uint8Array | { path: string };

/**
 * A task as its module sees it. Every method may be taken off the object. While the task is being paused, `step`,
 * `save`, `sleep`, `ask` and `messages` do not return in this attempt: the next one goes on from there.
 *
 * Values are JSON. A function, symbol, bigint, NaN, Infinity, cycle, Map, Set, typed array, an `undefined` in an array or
 * an instance that JSON would turn into `{}` is refused with a TypeError that names its place. A property that is
 * `undefined` is left out, an instance becomes its fields, and an object with `toJSON` (a Date) becomes what that gives.
 */
export interface Task<Checkpoint = unknown> {
  /** The task's number, the one that `agentctl list` shows. */
  readonly id: number;
  /** Which attempt this is, counted from 1. */
  readonly attempt: number;
  /** Aborted when the task is canceled, and when the grace time of a pause is over, a second before the kill. */
  readonly signal: AbortSignal;
  /**
   * Aborted as soon as a pause is asked for, while its grace time still runs: a long step can go to its next safe point.
   * After a pause that was called off, it is another signal.
   */
  readonly pausing: AbortSignal;
  /** A private directory that stays through pauses, for what is too large for a checkpoint. */
  readonly dir: string;
  /**
   * The value saved last, or undefined. Reading it before the first step decides that the module continues from this
   * value: see {@link save}. A module that never reads it runs again from its top, its steps answered from the journal.
   * Throws when the first step came before.
   */
  readonly checkpoint: Checkpoint | undefined;
  /**
   * Saves a checkpoint; durable when it returns. Rejects with a TypeError for what JSON would lose and with
   * `CheckpointTooLarge`; the previous one stands.
   *
   * In a module that reads {@link checkpoint}, each save begins a new count of step names. After a resume, a step that was
   * acknowledged before the checkpoint runs again when it is called again, so set-up steps need names of their own; of the
   * steps acknowledged after it, a call is given the one of its name and occurrence, in any order. Such a step that is
   * never called again is marked in `agentctl show`. In a module that never reads it, a save among steps that are answered
   * from the journal is ignored.
   */
  save(value: Checkpoint): Promise<void>;
  /**
   * Runs `fn` exactly once: its result, as JSON, is durable when this returns, and later attempts are given it
   * without running `fn`. A step is known by its name and how many calls of that name came before it. Rejects with the
   * error of the last try; failures are not kept, so a later attempt tries again. A step inside a step is refused.
   */
  step<T>(name: string, fn: (context: StepContext) => T | Promise<T>, options?: StepOptions): Promise<T>;
  /**
   * Sleeps until the same point in time in every attempt. More than five seconds end the process once nothing else is in
   * flight and hold no slot; the module then runs again over its journal.
   */
  sleep(duration: Duration): Promise<void>;
  /**
   * Asks a person and gives the answer. Ends the process once nothing else is in flight; the module then runs again over
   * its journal. A second question while one is open is refused.
   */
  ask(prompt: string, options?: AskOptions): Promise<string>;
  /**
   * Suspends this task from inside, as a pause by checkpoint does: what is in flight ends first, and this does not return
   * in this attempt. With `until` the task resumes by itself at that time. It is not journaled: the next attempt comes to
   * this call again, so ask first whether its cause still holds. Rejects where its checkpoint cannot be stored; refused
   * inside a step, which has `suspend` of its own.
   */
  suspend(options: SuspendOptions): Promise<never>;
  /** The messages sent since the last call, in order, each delivered once. */
  messages(): Promise<string[]>;
  /** Shows how far the task is. Never fails and is not waited for; when many come quickly, the latest is shown. */
  progress(done: number, total?: number | null, message?: string | null): void;
  /** Keeps a file beyond the task's end, under `name`; kept when it returns. */
  artifact(name: string, content: ArtifactContent): Promise<void>;
  /** Writes a line to the task's log, as console.log does. */
  log(...values: unknown[]): void;
}

/** What a task module does: from its input to its result, which must be JSON. */
export type TaskFunction<Input, Output, Checkpoint = unknown> = (
  task: Task<Checkpoint>,
  input: Input,
) => Promise<Output> | Output;
