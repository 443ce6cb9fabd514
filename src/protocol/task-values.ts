/** Schemas of a task: the fields with which it is submitted, and the fields that it shows. */
import * as v from "valibot";
import {
  dependencyConditions,
  type EditableField,
  type Field,
  type FieldName,
  type FieldType,
  type OrNull,
  pauseModes,
  type ShownField,
  type Submitted,
  submittedFields,
  type ValueOf,
} from "../core/submitted.ts";
import type { Values } from "../core/submitted-field.ts";
import { pauseCauses } from "../core/task.ts";
import {
  absolute,
  checkpoint,
  durationMs,
  editedLabels,
  env,
  inherited,
  integer,
  iso,
  labels,
  limitMs,
  noNul,
  nullable,
  pauseMode,
  plain,
  queueName,
  ref,
  signal,
  state,
  taskName,
  text,
} from "./values.ts";

const condition = v.picklist(dependencyConditions);
/**
 * What a task comes after: one task that must complete, or several, each with its condition (by default `completed`).
 */
const dependenciesInput = v.nullable(
  v.union(
    [
      ref,
      v.pipe(
        v.array(v.union([ref, v.strictObject({ id: ref, when: v.optional(condition) })])),
        v.maxLength(1000),
      ),
    ],
    "must be a task's id, uuid or name, or a list of these or of {id, when}",
  ),
);
/** A file that is opened at every attempt, a pipe, or content stored now for every attempt: a file's, or an upload. */
const stdinInput = v.union(
  [v.literal("pipe"), absolute, v.strictObject({ copy: absolute }), v.strictObject({ bundle: v.string() })],
  "is pipe, an absolute path, {copy: <an absolute path>}, or {bundle: <what bundles/write has named>}",
);
/** A branch, or true for a branch that is named after the task. */
const branchInput = v.union(
  [v.literal(true), plain(200)],
  "must be a branch, or true for one named after the task",
);
const shownDependencies = v.array(v.object({ id: v.number(), when: condition }));

/** The schema of each type of submitted field. */
const schemaOfType: Record<FieldType, (field: Field) => v.GenericSchema> = {
  name: () => taskName,
  queue: () => queueName,
  key: () => plain(256),
  path: () => absolute,
  signal: () => signal,
  labels: () => labels,
  integer: ({ least: min = Number.MIN_SAFE_INTEGER, most: max = Number.MAX_SAFE_INTEGER }) =>
    v.pipe(integer, v.minValue(min, `is at least ${min}`), v.maxValue(max, `is at most ${max}`)),
  duration: () => durationMs,
  limit: () => limitMs,
  time: () => iso,
  flag: () => v.boolean(),
  dependencies: () => dependenciesInput,
  stdin: () => stdinInput,
  text: () => v.pipe(text, v.minLength(1), v.maxLength(1_000_000)),
  texts: () => v.pipe(v.array(noNul), v.maxLength(1000)),
  amount: () => v.pipe(v.number(), v.minValue(0)),
  inherited: () => inherited,
  branch: () => branchInput,
  choice: ({ choices = [] }) => (choices === pauseModes ? pauseMode : v.picklist(choices)),
};

/** The types of values on the wire, if they differ from those inside. */
type WireValues = Omit<Values, "time" | "dependencies" | "stdin" | "choice"> & {
  time: string;
  dependencies: v.InferOutput<typeof dependenciesInput>;
  stdin: v.InferOutput<typeof stdinInput>;
  choice: unknown;
};

const fieldSchema = (field: Field): v.GenericSchema => {
  const schema = schemaOfType[field.type](field);
  return field.fallback === null ? nullable(schema) : schema;
};

/** The submitted fields as `tasks/create` takes them. */
const inputFields = Object.fromEntries(
  submittedFields.map((field) => [field.name, v.optional(fieldSchema(field))]),
) as { [F in FieldName]: v.OptionalSchema<v.GenericSchema<OrNull<F, ValueOf<F, WireValues>>>, undefined> };

/** The fields that `tasks/create` takes and a line of `batch` holds. */
export const newTask = v.strictObject({
  argv: v.optional(v.pipe(v.array(noNul), v.minLength(1, "needs at least the program"))),
  module: v.optional(v.union([absolute, v.strictObject({ path: absolute })])),
  input: v.optional(v.unknown()),
  env: v.optional(env),
  /** The variables of `env` that were given by name. They go along when the task moves to another home. */
  envNames: v.optional(v.array(v.string())),
  acceptMissing: v.optional(v.boolean()),
  ...inputFields,
});

/** The fields that `tasks/edit` may change. A label that is null is removed. */
export const editedFields = {
  ...(Object.fromEntries(
    submittedFields
      .filter(({ editable }) => editable)
      .map((field) => [field.name, v.optional(fieldSchema(field))]),
  ) as {
    [F in EditableField]: v.OptionalSchema<v.GenericSchema<OrNull<F, ValueOf<F, WireValues>>>, undefined>;
  }),
  labels: v.optional(editedLabels),
  argv: newTask.entries.argv,
  env: newTask.entries.env,
  acceptMissing: newTask.entries.acceptMissing,
};

/** The schemas of fields that are shown differently than they are given. */
const shownSchemas: Partial<Record<FieldType, v.GenericSchema>> = {
  dependencies: shownDependencies,
  stdin: nullable(v.string()),
};

/** The submitted fields that a task shows. */
const shownFields = Object.fromEntries(
  submittedFields
    .filter(({ isShown }) => isShown)
    .map((field) => [field.name, shownSchemas[field.type] ?? fieldSchema(field)]),
) as { [F in ShownField]: v.GenericSchema<Submitted[F]> };

const waiting = v.object({
  for: v.picklist([
    "slot",
    "slots",
    "memory",
    "queue",
    "hold",
    "time",
    "task",
    "backoff",
    "limit",
    "machine",
    "answer",
  ]),
  on: nullable(v.union([v.string(), v.number()])),
  until: nullable(v.string()),
});
const pause = v.object({
  mode: v.picklist(["checkpoint", "freeze"]),
  outcome: nullable(v.picklist(["cooperative", "forced", "frozen"])),
  cause: v.picklist(pauseCauses),
  actor: v.string(),
  reason: nullable(v.string()),
  at: v.string(),
  until: nullable(v.string()),
});
const failure = v.object({
  name: v.string(),
  code: nullable(v.number()),
  message: v.string(),
  data: nullable(v.record(v.string(), v.unknown())),
});
const tool = v.object({ name: v.string(), input: v.unknown() });
/** What a coding agent has used over all attempts. */
const usage = v.object({
  inputTokens: v.number(),
  outputTokens: v.number(),
  cachedTokens: v.number(),
  costUsd: nullable(v.number()),
  turns: v.number(),
  toolCalls: v.number(),
});
/** A coding agent. `cut` is the tool call that the last interruption cut off. */
const agent = v.object({
  name: v.string(),
  version: nullable(v.string()),
  session: nullable(v.string()),
  model: nullable(v.string()),
  permissions: v.string(),
  turn: v.number(),
  tool: nullable(tool),
  cut: nullable(v.object({ tool: v.string(), input: v.unknown(), afterMs: v.number() })),
  limit: nullable(v.object({ kind: v.string(), resetsAt: nullable(v.string()), guessed: v.boolean() })),
  /** Whether a pause can find a place between two tool calls; null before the first call. */
  boundary: nullable(v.boolean()),
});
/** A task as the CLI and the socket show it. A field that does not apply is null. */
export const task = v.object({
  id: v.number(),
  uuid: v.string(),
  kind: v.picklist(["program", "module", "agent"]),
  state,
  waiting: nullable(waiting),
  argv: nullable(v.array(v.string())),
  module: nullable(v.object({ path: v.string(), sha256: v.string() })),
  ...shownFields,
  attempt: nullable(v.number()),
  /** The schedule that submitted the task, from its label. */
  schedule: nullable(v.string()),
  /** How often it was edited. */
  edits: v.number(),
  maxAttempts: v.number(),
  slotNumbers: nullable(v.array(v.number())),
  /** Set while the task moves to another home. */
  moving: nullable(v.object({ move: v.string(), to: v.string(), at: v.string(), goesOn: v.boolean() })),
  progress: nullable(
    v.object({ done: v.number(), total: nullable(v.number()), message: nullable(v.string()) }),
  ),
  pid: nullable(v.number()),
  /** In a cluster: the machine that its process is on. */
  machine: nullable(v.string()),
  createdAt: v.string(),
  startedAt: nullable(v.string()),
  updatedAt: v.string(),
  endedAt: nullable(v.string()),
  runMs: v.number(),
  pausedMs: v.number(),
  pause: nullable(pause),
  checkpoint: nullable(checkpoint),
  question: nullable(
    v.object({
      prompt: v.string(),
      at: v.string(),
      choices: nullable(v.array(v.string())),
      /** `question`; for an agent also `permission`, or `message` if the answer is its next turn. */
      kind: v.string(),
      tool: nullable(tool),
    }),
  ),
  agent: nullable(agent),
  usage: nullable(usage),
  /** For an agent that works in a git worktree of its own. */
  worktree: nullable(v.object({ path: v.string(), branch: v.string(), base: v.string() })),
  exitCode: nullable(v.number()),
  signal: nullable(v.string()),
  result: v.unknown(),
  error: nullable(failure),
});

/** The names of all fields of a task. */
export const taskFields = Object.keys(task.entries) as (keyof v.InferOutput<typeof task>)[];

const { name: _name, permissions: _permissions, ...reported } = agent.entries;
/** What the host of an agent reports about it. */
export const agentReport = v.object({
  ...reported,
  usage,
  asking: nullable(v.object({ kind: v.string(), tool: nullable(tool) })),
});
