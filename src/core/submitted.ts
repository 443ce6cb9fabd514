/**
 * The fields that a task is submitted with, as data. This one table defines the parameters of `tasks/create`, the
 * options of `run`, the columns of the store, what a rerun copies and what the JSON of a task shows. A new field needs
 * a row here and a column in the store's first migration.
 */

import { defaultInherited } from "./inherited.ts";
import { submittedAgent } from "./submitted-agent.ts";
import type { Field, FieldType, Values } from "./submitted-field.ts";

export { type Dependency, dependencyConditions, type Field, type FieldType } from "./submitted-field.ts";

export const pauseModes = ["auto", "checkpoint", "freeze"] as const;
const onLostChoices = ["resume", "suspend", "fail"] as const;

export const submitted = {
  name: {
    type: "name",
    editable: "open",
    fallback: null,
    isShown: true,
    option: ["--name <name>", "a name for people; none that reads as an id, a range or a pattern"],
  },
  queue: {
    type: "queue",
    editable: "idle",
    fallback: "default",
    isShown: true,
    option: ["-q, --queue <queue>", "the queue it waits in (default)"],
  },
  slots: {
    type: "integer",
    editable: "idle",
    least: 1,
    most: 1_000_000,
    fallback: 1,
    isShown: true,
    option: ["--slots <n>", "how many slots of its queue it takes (1)"],
  },
  priority: {
    type: "integer",
    editable: "open",
    least: -1_000_000,
    most: 1_000_000,
    fallback: 0,
    isShown: true,
    option: ["--priority <n>", "higher is started first (0)"],
  },
  labels: {
    type: "labels",
    editable: "open",
    fallback: {},
    isShown: true,
    option: ["-l, --label <key=value>", "a label (repeatable)"],
  },
  cwd: {
    type: "path",
    editable: "new",
    fallback: undefined,
    isShown: true,
    option: ["--cwd <directory>", "where it runs (here)"],
  },
  envFile: {
    type: "path",
    fallback: null,
    option: ["--env-file <file>", "K=V lines, without quotes, read at every attempt"],
  },
  stdin: {
    type: "stdin",
    fallback: null,
    isShown: true,
    option: [
      "--stdin <file|-|pipe>",
      "what the program reads: a file, what is piped in here (-), or what agentctl send writes (pipe); by default nothing",
    ],
  },
  after: {
    type: "dependencies",
    editable: "waiting",
    fallback: [],
    isOwn: true,
    isShown: true,
    option: ["--after <id>", "only when this task has completed (repeatable)"],
  },
  notBefore: {
    type: "time",
    editable: "waiting",
    fallback: null,
    isOwn: true,
    option: ["--at <time>", "not before then"],
  },
  retries: {
    type: "integer",
    editable: "open",
    least: 0,
    most: 1_000_000,
    fallback: 0,
    isShown: true,
    option: ["--retries <n>", "how often to try again after a failure (0)"],
  },
  backoffMs: {
    type: "duration",
    fallback: 1000,
    isShown: true,
    option: [
      "--backoff <duration>",
      "before the first retry (1s); doubles with each, up to 1h, give or take 10 %",
    ],
  },
  retryOnTimeout: {
    type: "flag",
    fallback: false,
    option: ["--retry-on-timeout", "an attempt that ran for its whole --attempt-timeout is tried again too"],
  },
  timeoutMs: {
    type: "limit",
    editable: "open",
    fallback: null,
    isShown: true,
    option: [
      "--timeout <duration>",
      "fail after this much running time over all attempts; pauses do not count",
    ],
  },
  attemptTimeoutMs: {
    type: "limit",
    fallback: null,
    isShown: true,
    option: [
      "--attempt-timeout <duration>",
      "fail after this much running time of one attempt; pauses do not count",
    ],
  },
  nice: {
    type: "integer",
    least: 0,
    most: 19,
    fallback: null,
    isShown: true,
    option: ["--nice <n>", "its scheduling priority, from 0 to 19, the nicest (the caller's)"],
  },
  graceMs: {
    type: "duration",
    editable: "open",
    fallback: null,
    option: ["--grace <duration>", "how long it may take to save a checkpoint when paused (60s)"],
  },
  pauseMode: {
    type: "choice",
    choices: pauseModes,
    fallback: "auto",
    option: ["--pause-mode <mode>", "how a pause ends or stops it"],
  },
  pauseSignal: {
    type: "signal",
    fallback: "SIGTERM",
    option: ["--pause-signal <signal>", "what asks it to save a checkpoint and end (TERM)"],
  },
  onLost: {
    type: "choice",
    choices: onLostChoices,
    fallback: null,
    option: ["--on-lost <what>", "when its process vanishes with the machine"],
  },
  on: {
    type: "texts",
    editable: "idle",
    fallback: null,
    option: [
      "--on <machine|key=value>",
      "in a cluster: on this machine, or on one with this label (repeatable)",
    ],
  },
  key: {
    type: "key",
    fallback: null,
    isOwn: true,
    option: ["--key <key>", "submit once: with a key that exists, print that task's id and start nothing"],
  },
  held: {
    type: "flag",
    fallback: false,
    isOwn: true,
    isShown: true,
    option: ["--hold", "do not start it before agentctl release"],
  },
  ...submittedAgent,
  /** What the task gets from the process of the submitting command: umask, nice value and resource limits. */
  inherited: {
    type: "inherited",
    fallback: defaultInherited,
  },
} as const satisfies Record<string, Field>;

type Rows = typeof submitted;

/** The name of a submitted field. */
export type FieldName = keyof Rows;

/** The type of a field's value, without null; `V` maps each field type to a TypeScript type. */
export type ValueOf<
  F extends FieldName,
  V extends Record<FieldType, unknown> = Values & Record<FieldType, unknown>,
> = Rows[F] extends { choices: readonly (infer C)[] } ? C : V[Rows[F]["type"]];

/** `T`, or also null if the field's fallback is null. */
export type OrNull<F extends FieldName, T> = Rows[F]["fallback"] extends null ? T | null : T;

/** Every submitted field with its value. */
export type Submitted = { [F in FieldName]: OrNull<F, ValueOf<F>> };

/** The fields that the JSON of a task shows unchanged. */
export type ShownField = { [F in FieldName]: Rows[F] extends { isShown: true } ? F : never }[FieldName];

/** The rows of the table, in order. */
export const submittedFields = Object.entries(submitted).map(([name, field]) => ({
  ...(field as Field),
  name: name as FieldName,
}));

const fallbacks = Object.fromEntries(submittedFields.map(({ name, fallback }) => [name, fallback]));

/** Returns the submitted fields of `fields`, with fallbacks for those that are missing. */
export function withFallbacks(fields: { [F in FieldName]?: Submitted[F] | null | undefined }): Submitted {
  // Copying the fallbacks and then setting some fields costs a tenth of building the object field by field.
  const values: Record<string, unknown> = { ...fallbacks };
  for (const { name } of submittedFields) if (fields[name] != null) values[name] = fields[name];
  return values as never;
}

/** Returns what a rerun of a task is submitted with: the old fields, and fallbacks for those that are not copied. */
export function carriedFields(previous: Submitted): Submitted {
  return Object.fromEntries(
    submittedFields.map(({ name, isOwn, fallback }) => [name, isOwn ? fallback : previous[name]]),
  ) as never;
}

/** The submitted fields that an edit may change. */
export type EditableField = {
  [F in FieldName]: Rows[F] extends { editable: string } ? F : never;
}[FieldName];
