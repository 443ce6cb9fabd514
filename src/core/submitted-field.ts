/** What a row of the table of submitted fields is made of. */
import type { Inherited } from "./inherited.ts";

/** What a task that another one comes after has to come to: to have completed, to have ended, to have failed. */
export const dependencyConditions = ["completed", "ended", "failed"] as const;

/** Another task, and what it has to come to before a task may start. */
export interface Dependency {
  id: number;
  when: (typeof dependencyConditions)[number];
}

/** What a value of each type is inside the program: times are ms since 1970, durations ms. */
export interface Values {
  name: string;
  queue: string;
  key: string;
  path: string;
  signal: string;
  labels: Record<string, string>;
  integer: number;
  duration: number;
  /** A duration of at least a millisecond. */
  limit: number;
  time: number;
  flag: boolean;
  dependencies: Dependency[];
  choice: string;
  /** `pipe`, `-` for what was kept at the submission, or the path of a file. */
  stdin: string;
  text: string;
  texts: string[];
  /** A sum that need not be whole. */
  amount: number;
  /** A branch by its name, or true for one that is named after the task. */
  branch: string | true;
  inherited: Inherited;
}

/** The type of a submitted field. */
export type FieldType = keyof Values;

/** One row of {@link submitted}. */
export interface Field {
  type: FieldType;
  /** What holds where nothing is given. Where it is null, null may be given too; undefined: the engine knows. */
  fallback: unknown;
  /** It belongs to this task alone: a rerun does not take it over. */
  isOwn?: true;
  /** When an edit may change it: while it is open, is not working, waits to be started, or was never started. */
  editable?: "open" | "idle" | "waiting" | "new";
  /** The JSON of a task has it, under its name and as it is. */
  isShown?: true;
  /** The option of `run` that gives it, and what help says of it. */
  option?: readonly [flags: string, about: string];
  /** The values of a `choice`. */
  choices?: readonly string[];
  /** The range of an `integer`. */
  least?: number;
  most?: number;
}
