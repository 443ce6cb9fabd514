/** Schemas of the values that methods take and return. The method table and the generated reference use them. */
import { constants } from "node:os";
import * as v from "valibot";
import { type Limits, limitNames } from "../core/inherited.ts";
import { states } from "../core/machine.ts";
import { isNoName } from "../core/references.ts";
import { UNCATCHABLE } from "../core/signals.ts";
import { pauseModes } from "../core/submitted.ts";
import { record } from "./record.ts";

export const integer = v.pipe(v.number(), v.safeInteger());
export const natural = v.pipe(integer, v.minValue(0));
export const nullable = <S extends v.GenericSchema>(schema: S) => v.nullable(schema);

/**
 * Text that comes back as it was given. A lone surrogate (half of a character) has no encoding in UTF-8. It would come
 * back as another character, so it is refused.
 */
export const text = v.pipe(
  v.string(),
  v.check(
    (value) => !/\p{Surrogate}/u.test(value),
    "has half of a character in it (a lone surrogate), which UTF-8 cannot hold",
  ),
);

/** Text without control characters: what terminals and tables show must not steer them. */
export const plain = (max: number) =>
  v.pipe(
    text,
    v.minLength(1, "may not be empty"),
    v.maxLength(max, `may have at most ${max} characters`),
    v.regex(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
      /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/u,
      "may not contain control characters or line breaks",
    ),
  );

/** Text without NUL, which the kernel does not accept in arguments, paths and environments. */
export const noNul = v.pipe(
  text,
  v.check((value) => !value.includes("\u0000"), "may not contain a NUL character"),
);

const refReason = "must be a task's id, uuid or name";
export const ref = v.pipe(
  v.union([v.number(), v.string()], refReason),
  v.check(
    (value) =>
      typeof value === "number"
        ? Number.isSafeInteger(value) && value >= 1
        : value.length >= 1 && value.length <= 200,
    refReason,
  ),
);
export const taskName = v.pipe(
  plain(128),
  v.check((name) => name.trim() !== "", "may not be blank"),
  v.check(
    (name) => !isNoName(name),
    "may not read as an id, a range or list of ids (3-7, 3,5) or a pattern (*, ?, [ or ])",
  ),
);
export const queueName = v.pipe(plain(64), v.regex(/^[^\s/]+$/, "may not contain spaces or slashes"));
export const labels = v.pipe(
  record(plain(64), v.pipe(text, v.maxLength(256))),
  v.check((all) => Object.keys(all).length <= 64, "at most 64 labels"),
);
export const editedLabels = record(plain(64), v.nullable(v.pipe(text, v.maxLength(256))));
const envNames = v.pipe(
  noNul,
  v.minLength(1, "the name of a variable may not be empty"),
  v.check((name) => !name.includes("="), "the name of a variable may not contain ="),
);
export const env = record(envNames, noNul);
export const iso = v.pipe(
  v.string(),
  v.check(
    (text) => /^\d{4}-\d{2}-\d{2}T/.test(text) && !Number.isNaN(Date.parse(text)),
    "must be a time in ISO 8601, such as 2026-05-01T18:30:00Z",
  ),
);
export const durationMs = v.pipe(integer, v.minValue(0), v.maxValue(100 * 365 * 86_400_000));
export const limitMs = v.pipe(durationMs, v.minValue(1, "must be at least 1ms"));
/** A signal by its name, with or without SIG before it. The parsed value is the full name. */
export const signal = v.pipe(
  v.string(),
  v.transform((text) => text.toUpperCase().replace(/^(?!SIG)/, "SIG")),
  v.check(
    (name) => Object.hasOwn(constants.signals, name) && !UNCATCHABLE.includes(name),
    "must be a signal's name that this system knows and a program can hear, such as SIGTERM or USR1",
  ),
);
/** The `next` of an earlier page: the id after which the next page begins. */
export const cursor = v.pipe(v.string(), v.regex(/^\d{1,15}$/, "must be the `next` of an earlier page"));
export const state = v.picklist(states as [string, ...string[]]) as unknown as v.GenericSchema<
  (typeof states)[number]
>;
const limit = v.tuple([v.nullable(natural), v.nullable(natural)]);
/** Umask, nice value, and resource limits by the names of prlimit(1) as [soft, hard]; null is unlimited. */
export const inherited = v.strictObject({
  umask: v.pipe(natural, v.maxValue(0o777)),
  nice: v.pipe(integer, v.minValue(-20), v.maxValue(19)),
  limits: record(v.picklist(limitNames), limit) as unknown as v.GenericSchema<Limits>,
});
export const pauseMode = v.picklist(pauseModes);
export const reason = v.pipe(v.string(), v.maxLength(1000));
export const actor = plain(128);
export const token = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
export const absolute = v.pipe(
  noNul,
  v.minLength(1, "may not be empty"),
  v.check((path) => path.startsWith("/"), "must be an absolute path"),
);

export const checkpoint = v.object({
  seq: v.number(),
  size: v.number(),
  sha256: v.string(),
  createdAt: v.string(),
  label: nullable(v.string()),
});
/** A checkpoint in a list. A superseded one is used only if the caller names it. */
export const listedCheckpoint = v.object({
  ...checkpoint.entries,
  attempt: v.number(),
  superseded: v.boolean(),
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

/** What is new in a git worktree: against its base, uncommitted, and in commits that are on no other branch. */
export const changedWork = v.object({
  files: v.number(),
  additions: v.number(),
  deletions: v.number(),
  uncommitted: v.number(),
  untracked: v.number(),
  unmerged: v.number(),
});

/** The fields that `show` adds to a task. */
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
      /** In a cluster: the machine on which it ran. */
      machine: v.optional(v.string()),
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
      /** Acknowledged since the last checkpoint, but not requested again by the module that continued from it. */
      unused: v.boolean(),
    }),
  ),
  events: v.array(event),
  /** The calls of a module that have begun and not ended, and what is being done to the live attempt. */
  activity: v.object({
    running: v.array(v.object({ name: v.string(), startedAt: v.string() })),
    doing: nullable(v.string()),
    deadline: nullable(v.string()),
  }),
  /** What is new in its worktree; null if it has none. */
  changes: nullable(changedWork),
  /** The beginning of its input as JSON; null if it has none. */
  input: nullable(v.string()),
  /** The options that were given at submission and differ from the defaults. */
  options: v.record(v.string(), v.unknown()),
  /** What its processes use now; null if it has none. The CPU time is that of live processes only. */
  tree: nullable(v.object({ processes: v.number(), cpuMs: v.number(), memoryBytes: v.number() })),
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
  /** How many slots its working tasks may take together; null for no limit. */
  slots: nullable(v.number()),
  /** How many slots they take now. */
  used: v.number(),
  numbered: v.boolean(),
  preempt: v.boolean(),
  held: v.boolean(),
  heldBy: nullable(v.string()),
  /** When a pause's hold of the queue ends. */
  heldUntil: nullable(v.string()),
  working: v.number(),
  waiting: v.number(),
});

export const hook = v.object({
  n: v.number(),
  on: v.array(v.string()),
  where: v.object({
    queue: v.optional(v.string()),
    labels: v.optional(v.record(v.string(), v.string())),
    name: v.optional(v.string()),
  }),
  run: nullable(v.array(v.string())),
  url: nullable(v.string()),
  /** Whether messages are signed; the secret itself is never shown. */
  signed: v.boolean(),
  /** How many events are still to be sent to it. */
  waiting: v.number(),
  told: v.number(),
  /** How many events could not be sent to it within a day. */
  givenUp: v.number(),
  lastAt: nullable(v.string()),
  /** Why the last try failed; null if it did not. */
  lastError: nullable(v.string()),
});

export const artifact = v.object({
  name: v.string(),
  size: v.number(),
  sha256: v.string(),
  createdAt: v.string(),
  path: v.string(),
  /** The other machine of a cluster that has the file, if it is not here. */
  machine: v.optional(v.string()),
});

/** Selects tasks. Each field narrows the selection; `all` without other fields selects every task. */
export const select = v.strictObject({
  all: v.optional(v.boolean()),
  queue: v.optional(queueName),
  labels: v.optional(labels),
  state: v.optional(v.array(state)),
});
