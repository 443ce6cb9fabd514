/** The types of a row in the table of submitted fields. */
import type { Inherited } from "./inherited.ts";

/** What a dependency must have done before the task may start: completed, ended in any way, or failed. */
export const dependencyConditions = ["completed", "ended", "failed"] as const;

/** A task that another task waits for, and how it must have ended. */
export interface Dependency {
  id: number;
  when: (typeof dependencyConditions)[number];
}

/** The program's own type for each kind of value: times are ms since 1970, durations are ms. */
export interface Values {
  name: string;
  queue: string;
  key: string;
  path: string;
  signal: string;
  labels: Record<string, string>;
  integer: number;
  duration: number;
  /** A duration of at least 1 ms. */
  limit: number;
  time: number;
  flag: boolean;
  dependencies: Dependency[];
  choice: string;
  /** `pipe`, `-` for the input that was stored at submission, or the path of a file. */
  stdin: string;
  text: string;
  texts: string[];
  /** A number that need not be whole. */
  amount: number;
  /** The name of a branch, or true for a branch that is named after the task. */
  branch: string | true;
  inherited: Inherited;
}

/** The type of a submitted field. */
export type FieldType = keyof Values;

/** One row of {@link submitted}. */
export interface Field {
  type: FieldType;
  /** The default. If it is null, null may be given too. If it is undefined, the engine sets the value. */
  fallback: unknown;
  /** The field belongs to this task only: a rerun does not copy it. */
  isOwn?: true;
  /** When an edit may change the field: while the task is open, is not working, waits to start, or never started. */
  editable?: "open" | "idle" | "waiting" | "new";
  /** The JSON of a task shows the field under this name, unchanged. */
  isShown?: true;
  /** The option of `run` that sets the field, and its help text. */
  option?: readonly [flags: string, about: string];
  /** The values of a `choice`. */
  choices?: readonly string[];
  /** The range of an `integer`, both ends included. */
  least?: number;
  most?: number;
}
