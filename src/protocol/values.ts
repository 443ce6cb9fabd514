/** Schemas of the values that methods take and give; the method table and the generated reference use them. */
import { constants } from "node:os";
import * as v from "valibot";
import { states } from "../core/machine.ts";
import { UNHEARD } from "../core/signals.ts";
import { onLostChoices, pauseModes } from "../core/task.ts";
import { record } from "./record.ts";

const integer = v.pipe(v.number(), v.safeInteger());
export const natural = v.pipe(integer, v.minValue(0));
const nullable = <S extends v.GenericSchema>(schema: S) => v.nullable(schema);

/** No control characters: what is shown on terminals and in tables must not steer them. */
const plain = (max: number) =>
  v.pipe(
    v.string(),
    v.minLength(1, "may not be empty"),
    v.maxLength(max, `may have at most ${max} characters`),
    v.regex(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
      /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/u,
      "may not contain control characters or line breaks",
    ),
  );

/** Text without NUL, as the kernel takes it in arguments, paths and environments. */
const noNul = v.pipe(
  v.string(),
  v.check((text) => !text.includes("\u0000"), "may not contain a NUL character"),
);

/** An id, a uuid or a name. */
const whatRefIs = "is a task's id, uuid or name";
export const ref = v.pipe(
  v.union([v.number(), v.string()], whatRefIs),
  v.check(
    (given) =>
      typeof given === "number"
        ? Number.isSafeInteger(given) && given >= 1
        : given.length >= 1 && given.length <= 200,
    whatRefIs,
  ),
);
export const taskName = v.pipe(
  plain(128),
  v.check((name) => !/^\d+$/.test(name), "may not be all digits: that would be an id"),
);
export const queueName = v.pipe(plain(64), v.regex(/^[^\s/]+$/, "may not contain spaces or slashes"));
export const labels = v.pipe(
  record(plain(64), v.pipe(v.string(), v.maxLength(256))),
  v.check((all) => Object.keys(all).length <= 64, "at most 64 labels"),
);
const envNames = v.pipe(
  noNul,
  v.minLength(1),
  v.check((name) => !name.includes("="), "the name of a variable may not contain ="),
);
export const env = record(envNames, noNul);
export const iso = v.pipe(
  v.string(),
  v.check(
    (text) => /^\d{4}-\d{2}-\d{2}T/.test(text) && !Number.isNaN(Date.parse(text)),
    "is a time in ISO 8601, such as 2026-05-01T18:30:00Z",
  ),
);
export const durationMs = v.pipe(integer, v.minValue(0), v.maxValue(100 * 365 * 86_400_000));
export const limitMs = v.pipe(durationMs, v.minValue(1, "is at least 1"));
/** A signal by its name, with or without SIG before it; what comes of it is the whole name. */
export const signal = v.pipe(
  v.string(),
  v.transform((text) => text.toUpperCase().replace(/^(?!SIG)/, "SIG")),
  v.check(
    (name) => Object.hasOwn(constants.signals, name) && !UNHEARD.includes(name),
    "is a signal's name that this system knows and a program can hear, such as SIGTERM or USR1",
  ),
);
/** What a list gave as `next`: the id after which its next page begins. */
export const cursor = v.pipe(v.string(), v.regex(/^\d{1,15}$/, "is the `next` of an earlier page"));
export const state = v.picklist(states as [string, ...string[]]) as unknown as v.GenericSchema<
  (typeof states)[number]
>;
export const pauseMode = v.picklist(pauseModes);
const onLost = v.picklist(onLostChoices);
export const reason = v.pipe(v.string(), v.maxLength(1000));
export const actor = plain(128);
export const token = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const absolute = v.pipe(
  noNul,
  v.check((path) => path.startsWith("/"), "is an absolute path"),
);

/** What `tasks/create` takes and a line of `batch` holds. */
export const newTask = v.strictObject({
  argv: v.optional(v.pipe(v.array(noNul), v.minLength(1, "needs at least the program"))),
  module: v.optional(v.union([absolute, v.strictObject({ path: absolute })])),
  input: v.optional(v.unknown()),
  name: v.optional(v.nullable(taskName)),
  queue: v.optional(queueName),
  priority: v.optional(v.pipe(integer, v.minValue(-1_000_000), v.maxValue(1_000_000))),
  labels: v.optional(labels),
  cwd: v.optional(absolute),
  env: v.optional(env),
  envFile: v.optional(v.nullable(absolute)),
  after: v.optional(v.nullable(ref)),
  notBefore: v.optional(v.nullable(iso)),
  retries: v.optional(v.pipe(natural, v.maxValue(1_000_000))),
  backoffMs: v.optional(durationMs),
  timeoutMs: v.optional(v.nullable(limitMs)),
  graceMs: v.optional(v.nullable(durationMs)),
  pauseMode: v.optional(pauseMode),
  pauseSignal: v.optional(signal),
  onLost: v.optional(v.nullable(onLost)),
  key: v.optional(v.nullable(plain(256))),
  held: v.optional(v.boolean()),
});

const waiting = v.object({
  for: v.picklist(["slot", "queue", "hold", "time", "task", "backoff", "answer"]),
  on: nullable(v.union([v.string(), v.number()])),
  until: nullable(v.string()),
});
const pause = v.object({
  mode: v.picklist(["checkpoint", "freeze"]),
  outcome: nullable(v.picklist(["cooperative", "forced", "frozen"])),
  cause: v.picklist(["user", "until", "preempted", "shutdown", "limit", "lost", "corrupt", "mismatch"]),
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
export const checkpoint = v.object({
  seq: v.number(),
  size: v.number(),
  sha256: v.string(),
  createdAt: v.string(),
  label: nullable(v.string()),
});
/** A checkpoint in a list: superseded ones are never chosen by themselves. */
export const listedCheckpoint = v.object({
  ...checkpoint.entries,
  attempt: v.number(),
  superseded: v.boolean(),
});

/** A task as CLI and socket show it. A key that does not apply is null. */
export const task = v.object({
  id: v.number(),
  uuid: v.string(),
  name: nullable(v.string()),
  kind: v.picklist(["program", "module"]),
  state,
  held: v.boolean(),
  waiting: nullable(waiting),
  queue: v.string(),
  priority: v.number(),
  labels: v.record(v.string(), v.string()),
  argv: nullable(v.array(v.string())),
  module: nullable(v.object({ path: v.string(), sha256: v.string() })),
  cwd: v.string(),
  after: nullable(v.number()),
  attempt: nullable(v.number()),
  maxAttempts: v.number(),
  progress: nullable(
    v.object({ done: v.number(), total: nullable(v.number()), message: nullable(v.string()) }),
  ),
  pid: nullable(v.number()),
  createdAt: v.string(),
  startedAt: nullable(v.string()),
  updatedAt: v.string(),
  endedAt: nullable(v.string()),
  runMs: v.number(),
  pausedMs: v.number(),
  pause: nullable(pause),
  checkpoint: nullable(checkpoint),
  question: nullable(
    v.object({ prompt: v.string(), at: v.string(), choices: nullable(v.array(v.string())) }),
  ),
  exitCode: nullable(v.number()),
  signal: nullable(v.string()),
  result: v.unknown(),
  error: nullable(failure),
});

export const event = v.object({
  seq: v.number(),
  at: v.string(),
  task: v.number(),
  attempt: nullable(v.number()),
  from: nullable(v.string()),
  to: nullable(v.string()),
  cause: v.string(),
  actor: v.string(),
  data: nullable(v.record(v.string(), v.unknown())),
});

/** What `show` adds to a task. */
export const details = v.object({
  attempts: v.array(
    v.object({
      n: v.number(),
      pid: nullable(v.number()),
      startedAt: v.string(),
      endedAt: nullable(v.string()),
      outcome: nullable(v.string()),
      exitCode: nullable(v.number()),
      signal: nullable(v.string()),
    }),
  ),
  checkpoints: v.array(listedCheckpoint),
  steps: v.array(
    v.object({
      name: v.string(),
      n: v.number(),
      startedAt: v.string(),
      endedAt: v.string(),
      size: v.number(),
    }),
  ),
  events: v.array(event),
  /** Calls of a module that have begun and not ended, and what is being done to the live attempt. */
  activity: v.object({
    running: v.array(v.object({ name: v.string(), startedAt: v.string() })),
    doing: nullable(v.string()),
    deadline: nullable(v.string()),
  }),
  /** A pause that is planned for a time to come. */
  plannedPause: nullable(
    v.object({
      at: v.string(),
      mode: pauseMode,
      until: nullable(v.string()),
      actor: v.string(),
      reason: nullable(v.string()),
    }),
  ),
});

export const queue = v.object({
  name: v.string(),
  slots: v.number(),
  held: v.boolean(),
  heldBy: nullable(v.string()),
  /** When the hold of a pause ends by itself. */
  heldUntil: nullable(v.string()),
  working: v.number(),
  waiting: v.number(),
});

export const artifact = v.object({
  name: v.string(),
  size: v.number(),
  sha256: v.string(),
  createdAt: v.string(),
  path: v.string(),
});

/** The tasks that a selector means; the fields narrow each other, `all` alone means every task. */
export const select = v.strictObject({
  all: v.optional(v.boolean()),
  queue: v.optional(queueName),
  labels: v.optional(labels),
  state: v.optional(v.array(state)),
});
