/** The types that a task module uses. This file imports nothing, because every user's compiler reads it. */

/** A duration: `"500ms"`, `"90s"`, `"15m"`, `"2h"`, `"3d"`, or a number of milliseconds. */
export type Duration = string | number;

/** The argument of a step's function. */
export interface StepContext {
  /** Aborted when this try exceeds its `timeout`, and when `task.signal` is aborted. */
  readonly signal: AbortSignal;
  /** The number of this try, counted from 1. */
  readonly try: number;
  /** The last value given to {@link keep} for this step, also by an attempt that was paused or died. Else undefined. */
  readonly kept: unknown;
  /**
   * Keeps a JSON value of at most 64 KiB, such as the id of a session. If the step runs again, the value is in
   * {@link kept}. The value is durable when the promise resolves, and is deleted when the step has its result.
   */
  keep(value: unknown): Promise<void>;
  /**
   * Lets a pause interrupt this step. While a pause is requested, this does not return in this attempt, and the step
   * runs again after the resume, with {@link kept}. Returns if no pause is requested, or if the pause is called off.
   */
  safePoint(): Promise<void>;
  /** Like `task.suspend`, but inside a step. The step stops here and runs again after the resume, with {@link kept}. */
  suspend(options: SuspendOptions): Promise<never>;
}

/** Why a task suspends itself, and for how long. */
export interface SuspendOptions {
  /** A provider's `limit`, a used-up `budget`, `stalled` work, or a `mismatch` with the work to be continued. */
  cause: "limit" | "budget" | "stalled" | "mismatch";
  /** A text for users. It is cut after 1000 characters. */
  reason?: string;
  /** When the task resumes automatically: a Date, ISO 8601 or ms since 1970. If missing, only a user can resume it. */
  until?: Date | string | number | null;
  /** The error that the task shows until it is resumed. */
  error?: { name: string; message: string };
}

/** The options of a step. */
export interface StepOptions {
  /** How often a failed function is retried; by default 0. The delays are 100 ms, 200 ms, 400 ms, …, at most 30 s. */
  retries?: number;
  /** How long one try may take. Then the step's signal is aborted, and the try fails with an error named `TimedOut`. */
  timeout?: Duration;
}

/** The options of a question. */
export interface AskOptions {
  /** The accepted answers; by default any text. */
  choices?: readonly string[];
  /** How long to wait for an answer. Then `default` is the answer, so it is required with `timeout`. */
  timeout?: Duration;
  /** The answer when `timeout` is over. */
  default?: string;
}

/** The content of an artifact: text, bytes, or a file to copy (its path is relative to the working directory). */
export type ArtifactContent = string | Uint8Array | { path: string };

/**
 * A task as its module sees it. The methods can be destructured. While the task is being paused, `step`, `save`,
 * `sleep`, `ask` and `messages` do not return in this attempt: the next attempt continues from there.
 *
 * Values are JSON. A value that JSON would lose is refused with a TypeError that names its path: a function, symbol,
 * bigint, NaN, Infinity, cycle, Map, Set, typed array, an `undefined` in an array, or an instance that would become
 * `{}`. A property that is `undefined` is left out. An instance becomes its fields. An object with `toJSON`, such as a
 * Date, becomes the result of `toJSON`.
 */
export interface Task<Checkpoint = unknown> {
  /** The task's number, as `agentctl list` shows it. */
  readonly id: number;
  /** The number of this attempt, counted from 1. */
  readonly attempt: number;
  /** Aborted when the task is canceled, and when the grace time of a pause ends, one second before the kill. */
  readonly signal: AbortSignal;
  /**
   * Aborted as soon as a pause is requested. The grace time still runs, so a long step can get to its next safe point.
   * If the pause is called off, `pausing` becomes a new signal.
   */
  readonly pausing: AbortSignal;
  /** A private directory that survives pauses, for data that is too large for a checkpoint. */
  readonly dir: string;
  /**
   * The last saved value, or undefined. A module that reads it before its first step continues from this value: see
   * {@link save}. A module that never reads it runs again from its top, and its finished steps return their journaled
   * results. Throws if a call of `step`, `sleep`, `ask` or `messages` came before the first read.
   */
  readonly checkpoint: Checkpoint | undefined;
  /**
   * Saves a checkpoint, which is durable when the promise resolves. Rejects with a TypeError for a value that JSON
   * would lose, and with `CheckpointTooLarge`. The previous checkpoint then remains.
   *
   * In a module that reads {@link checkpoint}, each save starts a new count of step names. After a resume, a step
   * finished before the checkpoint runs again if it is called again, so set-up steps need names of their own. A step
   * finished after the checkpoint returns its journaled result. It is found by its name and the number of earlier calls
   * with that name, in any order. `agentctl show` marks such a step if it is never called again. In a module that never
   * reads {@link checkpoint}, a save is ignored while journaled results are still to come.
   */
  save(value: Checkpoint): Promise<void>;
  /**
   * Runs `fn` and stores its result, as JSON, exactly once. The result is durable when the promise resolves, and later
   * attempts return it without running `fn`. If the process dies before that, `fn` runs again. A step is identified by
   * its name and the number of earlier calls with that name. Rejects with the error of the last try. A failure is not
   * stored, so a later attempt tries again. Rejects inside another step.
   */
  step<T>(name: string, fn: (context: StepContext) => T | Promise<T>, options?: StepOptions): Promise<T>;
  /**
   * Sleeps until a point in time, which is the same in every attempt. A sleep of more than five seconds holds no slot:
   * once nothing else is in flight, the process ends, and the module later runs again and replays its journal.
   */
  sleep(duration: Duration): Promise<void>;
  /**
   * Asks a person a question and returns the answer. Once nothing else is in flight, the process ends; after the
   * answer, the module runs again and replays its journal. Rejects while another question is open.
   */
  ask(prompt: string, options?: AskOptions): Promise<string>;
  /**
   * Suspends this task from inside, as a checkpoint pause does: calls in flight end first, and this call does not
   * return in this attempt. With `until`, the task resumes automatically at that time. The call is not journaled, so
   * the next attempt reaches it again: check first whether the cause still holds. Rejects if the checkpoint cannot be
   * stored. Rejects inside a step: use {@link StepContext.suspend} there.
   */
  suspend(options: SuspendOptions): Promise<never>;
  /** Returns the messages sent since the last call, in order. Each message is delivered once. */
  messages(): Promise<string[]>;
  /** Shows how far the task has come. Never throws, and returns at once. Of many quick calls, the latest is shown. */
  progress(done: number, total?: number | null, message?: string | null): void;
  /** Stores `content` under `name`, also beyond the task's end. It is stored when the promise resolves. */
  artifact(name: string, content: ArtifactContent): Promise<void>;
  /** Writes a line to the task's log, as console.log does. */
  log(...values: unknown[]): void;
}

/** The function of a task module. It gets the module's input and returns its result, which must be JSON. */
export type TaskFunction<Input, Output, Checkpoint = unknown> = (
  task: Task<Checkpoint>,
  input: Input,
) => Promise<Output> | Output;
