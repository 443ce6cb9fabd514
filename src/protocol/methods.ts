/**
 * Every method of the socket, once: its parameters, its result and who may call it. Client types, the daemon's
 * dispatch, the SDK and docs/socket.md derive from this table; a method without a handler does not compile.
 *
 * Scope `people` is for whoever may open the socket. Scope `attempt` is for a running task: authorised by the
 * attempt's token, given in each call or once with `attempt/hello`.
 */
import * as v from "valibot";
import {
  actor,
  artifact,
  checkpoint,
  details,
  durationMs,
  env,
  event,
  iso,
  labels,
  listedCheckpoint,
  natural,
  newTask,
  pauseMode,
  queue,
  queueName,
  reason,
  ref,
  select,
  state,
  task,
  token,
} from "./values.ts";

const empty = v.strictObject({});
const done = v.object({});
const one = { id: ref };
const by = { actor: v.optional(actor) };
const changed = v.object({ task, changed: v.boolean() });
const own = { token: v.optional(token) };
const result = v.object({
  id: v.number(),
  ok: v.boolean(),
  changed: v.boolean(),
  task: v.optional(task),
  error: v.optional(
    v.object({ code: v.number(), message: v.string(), data: v.record(v.string(), v.unknown()) }),
  ),
});
const many = v.object({
  results: v.array(result),
  /** Tasks that the selector means and that were left as they were, with the reason. */
  left: v.array(v.object({ id: v.number(), state, reason: v.string() })),
});

/** By what is given, so that a refusal names the field and not the choice. */
const oneOrMany = <A extends v.GenericSchema, B extends v.GenericSchema>(one: A, many: B) =>
  v.lazy((input): A | B => (typeof input === "object" && input !== null && "select" in input ? many : one));

const pauseOptions = {
  mode: v.optional(pauseMode),
  graceMs: v.optional(durationMs),
  until: v.optional(iso),
  at: v.optional(iso),
  reason: v.optional(reason),
  wait: v.optional(v.boolean()),
  ...by,
};
const resumeOptions = {
  from: v.optional(v.pipe(natural, v.minValue(1))),
  fromStart: v.optional(v.boolean()),
  env: v.optional(env),
  replaceEnv: v.optional(v.boolean()),
  module: v.optional(v.string()),
  ...by,
};
/** Where a journaled call stands: see StepKey. `call` counts all calls, `alone` says that nothing else was in flight. */
const journalKey = {
  n: v.optional(natural),
  base: v.optional(natural),
  call: v.optional(natural),
  alone: v.optional(v.boolean()),
};
const journalEntry = v.object({
  kind: v.picklist(["step", "sleep", "ask", "messages"]),
  name: v.string(),
  n: v.number(),
  base: v.number(),
  call: v.number(),
  alone: v.boolean(),
  /** What the call gave: the result of a step, absent where it was undefined; when a sleep is over (ms since 1970); the answer; the messages. */
  value: v.optional(v.unknown()),
});

export const methods = {
  "tasks/create": {
    params: newTask,
    result: v.object({ task, created: v.boolean() }),
    scope: "people",
    about:
      "Submits a task. With a `key` that exists, the task that bears it is answered and nothing is started.",
  },
  "tasks/batch": {
    params: v.strictObject({
      tasks: v.pipe(v.array(newTask), v.maxLength(100_000)),
      env: newTask.entries.env,
      cwd: newTask.entries.cwd,
    }),
    result: v.object({ tasks: v.array(v.object({ id: v.number(), created: v.boolean() })) }),
    scope: "people",
    about:
      "Submits many tasks in one transaction: all or none. `env` and `cwd` are those of every task; a task's own variables are added, its own `cwd` goes before.",
  },
  "tasks/get": {
    params: v.strictObject({ ...one, details: v.optional(v.boolean()) }),
    result: v.object({ task: v.intersect([task, v.partial(details)]) }),
    scope: "people",
    about: "One task; with `details` also its attempts, checkpoints, steps, events and present activity.",
  },
  "tasks/list": {
    params: v.strictObject({
      state: v.optional(v.array(state)),
      queue: v.optional(queueName),
      labels: v.optional(labels),
      name: v.optional(v.string()),
      since: v.optional(iso),
      /** Open tasks and this many that ended last; without it all tasks, by id. */
      recent: v.optional(natural),
      limit: v.optional(v.pipe(natural, v.minValue(1), v.maxValue(10_000))),
      cursor: v.optional(v.nullable(v.string())),
    }),
    result: v.object({ tasks: v.array(task), next: v.nullable(v.string()) }),
    scope: "people",
    about: "Tasks by id, oldest first, in pages of `limit` (1000); `next` is the cursor of the next page.",
  },
  "tasks/pause": {
    params: oneOrMany(
      v.strictObject({ ...one, ...pauseOptions }),
      v.strictObject({ select, ...pauseOptions }),
    ),
    result: v.union([
      v.object({
        ...changed.entries,
        memoryBytes: v.optional(v.number()),
        processes: v.optional(v.number()),
      }),
      many,
    ]),
    scope: "people",
    about:
      "Pauses a task and answers when nothing of it runs; `wait: false` answers when the request is durable. `select` pauses every task at work that it means, and `all` or `queue` alone also hold those queues in the same transaction.",
  },
  "tasks/resume": {
    params: oneOrMany(
      v.strictObject({ ...one, ...resumeOptions }),
      v.strictObject({ select, ...resumeOptions }),
    ),
    result: v.union([v.object({ ...changed.entries, notes: v.array(v.string()) }), many]),
    scope: "people",
    about:
      "Puts a suspended task in line again. `notes` says what a person should know, such as a module that changed.",
  },
  "tasks/cancel": {
    params: v.strictObject({
      ...one,
      graceMs: v.optional(durationMs),
      reason: v.optional(reason),
      wait: v.optional(v.boolean()),
      ...by,
    }),
    result: changed,
    scope: "people",
    about: "Ends a task: TERM, after the grace time KILL, to its whole tree; answers when the tree is gone.",
  },
  "tasks/hold": {
    params: v.strictObject({ ...one, ...by }),
    result: changed,
    scope: "people",
    about: "Keeps a task that is not at work from being started.",
  },
  "tasks/release": {
    params: v.strictObject({ ...one, ...by }),
    result: changed,
    scope: "people",
    about: "Lets a held task go.",
  },
  "tasks/rerun": {
    params: v.strictObject({ ...one, from: v.optional(natural), env: v.optional(env), ...by }),
    result: v.object({ task }),
    scope: "people",
    about:
      "Submits a new task from an ended one, with `env` for its environment; `from` starts it at that checkpoint.",
  },
  "tasks/answer": {
    params: v.strictObject({ ...one, text: v.string(), ...by }),
    result: changed,
    scope: "people",
    about: "Answers the open question of a task.",
  },
  "tasks/send": {
    params: v.strictObject({ ...one, text: v.string(), ...by }),
    result: v.object({ message: v.number() }),
    scope: "people",
    about: "Sends a message to an open task: delivered once, in order, also across a pause.",
  },
  "tasks/delete": {
    params: v.strictObject({ ...one, ...by }),
    result: v.object({ task }),
    scope: "people",
    about: "Deletes an ended task with its logs, checkpoints and artifacts; answers the task as it was.",
  },
  "tasks/wait": {
    params: v.strictObject({ ...one, until: v.optional(v.array(state)), timeoutMs: v.optional(durationMs) }),
    result: v.object({ task, timedOut: v.boolean() }),
    scope: "people",
    about: "Answers when the task has ended or is in one of the states of `until`.",
  },
  "tasks/subscribe": {
    params: v.strictObject({
      id: v.optional(ref),
      after: v.optional(natural),
      snapshot: v.optional(v.boolean()),
    }),
    result: v.object({ seq: v.number(), tasks: v.array(task) }),
    scope: "people",
    about:
      "From now on this connection gets every event as a notification `event`. The result holds the open tasks (a snapshot as of event `seq`), and with `after` the events since that number follow first.",
  },
  "logs/path": {
    params: v.strictObject({ ...one, attempt: v.optional(natural) }),
    result: v.object({
      logs: v.array(v.object({ attempt: v.number(), path: v.string(), live: v.boolean() })),
      task,
    }),
    scope: "people",
    about: "Where the logs of a task are, one file an attempt, in order.",
  },
  "checkpoints/list": {
    params: v.strictObject(one),
    result: v.object({ checkpoints: v.array(listedCheckpoint) }),
    scope: "people",
    about: "The kept checkpoints of a task, oldest first.",
  },
  "checkpoints/get": {
    params: v.strictObject({ ...one, seq: v.optional(natural) }),
    result: v.object({ checkpoint, data: v.string() }),
    scope: "people",
    about: "The bytes of a checkpoint in base64, the newest usable one unless `seq` names another.",
  },
  "artifacts/list": {
    params: v.strictObject(one),
    result: v.object({ artifacts: v.array(artifact) }),
    scope: "people",
    about: "What a task left behind.",
  },
  "artifacts/get": {
    params: v.strictObject({ ...one, name: v.string() }),
    result: v.object({ artifact }),
    scope: "people",
    about: "One artifact; its `path` is the file that holds it.",
  },
  "queues/list": {
    params: empty,
    result: v.object({ queues: v.array(queue) }),
    scope: "people",
    about: "The queues with their slots and how many tasks work and wait in each.",
  },
  "queues/set": {
    params: v.strictObject({ name: queueName, slots: v.pipe(natural, v.maxValue(100_000)) }),
    result: v.object({ queue, created: v.boolean() }),
    scope: "people",
    about: "Makes a queue, or changes its number of slots.",
  },
  "queues/hold": {
    params: v.strictObject({ name: queueName }),
    result: v.object({ queue, changed: v.boolean() }),
    scope: "people",
    about: "A held queue starts nothing and stops nothing.",
  },
  "queues/release": {
    params: v.strictObject({ name: queueName }),
    result: v.object({ queue, changed: v.boolean() }),
    scope: "people",
    about: "Lets a held queue start tasks again.",
  },
  "queues/remove": {
    params: v.strictObject({ name: queueName }),
    result: v.object({ queue }),
    scope: "people",
    about: "Removes an empty queue; `default` stays.",
  },
  "daemon/hello": {
    params: v.strictObject({ version: v.string() }),
    result: v.object({ version: v.string(), pid: v.number() }),
    scope: "people",
    about: "Fails with VersionMismatch when the daemon is not of the caller's version.",
  },
  "daemon/status": {
    params: empty,
    result: v.object({
      pid: v.number(),
      version: v.string(),
      home: v.string(),
      socket: v.string(),
      log: v.string(),
      startedAt: v.string(),
      uptimeMs: v.number(),
      tasks: v.record(v.string(), v.number()),
    }),
    scope: "people",
    about: "The daemon, and a count of tasks for each state.",
  },
  "daemon/stop": {
    params: v.strictObject({ keep: v.optional(v.boolean()), graceMs: v.optional(durationMs) }),
    result: v.object({ frozen: v.array(v.number()), suspended: v.array(v.number()) }),
    scope: "people",
    about:
      "Pauses every task at work and ends the daemon; the next start resumes them. With `keep` the processes go on and the next daemon adopts them.",
  },
  "attempt/hello": {
    params: v.strictObject({ token, sdk: v.optional(v.string()) }),
    result: v.object({
      id: v.number(),
      uuid: v.string(),
      name: v.nullable(v.string()),
      attempt: v.number(),
      dir: v.string(),
      maxBytes: v.number(),
      pausing: v.boolean(),
      /** `data` is base64. */
      checkpoint: v.nullable(v.object({ seq: v.number(), base: v.number(), data: v.string() })),
      /** Only for the host of a task module. */
      module: v.nullable(
        v.object({
          path: v.string(),
          input: v.unknown(),
          cwd: v.string(),
          env,
          journal: v.array(journalEntry),
        }),
      ),
    }),
    scope: "attempt",
    about:
      "Authorises the connection for its attempt. From then on the attempt is asked to pause by the notification `attempt/pause`, and told of a cancel by `attempt/cancel`.",
  },
  "attempt/checkpoint": {
    params: v.strictObject({
      ...own,
      value: v.optional(v.unknown()),
      data: v.optional(v.string()),
      label: v.optional(v.pipe(v.string(), v.maxLength(64))),
      base: v.optional(natural),
      nonce: v.optional(v.pipe(v.string(), v.maxLength(64))),
    }),
    result: v.object({ seq: v.number() }),
    scope: "attempt",
    about:
      "Saves a checkpoint, a JSON `value` or bytes as base64 in `data`; answered when it is durable. A repeated `nonce` answers the first.",
  },
  "attempt/step": {
    params: v.strictObject({
      ...own,
      ...journalKey,
      name: v.pipe(v.string(), v.minLength(1), v.maxLength(1000)),
      started: v.optional(v.boolean()),
      startedAt: v.optional(iso),
      value: v.optional(v.unknown()),
    }),
    result: v.object({ value: v.optional(v.unknown()) }),
    scope: "attempt",
    about:
      "Acknowledges a step with its result, once and for ever; a step that is journaled already answers the journaled value. With `started` it only says that the step has begun.",
  },
  "attempt/sleep": {
    params: v.strictObject({ ...own, ...journalKey, ms: durationMs }),
    result: v.object({ until: v.string() }),
    scope: "attempt",
    about: "Journals a sleep; answers when it is over, the same time for every attempt.",
  },
  "attempt/ask": {
    params: v.strictObject({
      ...own,
      ...journalKey,
      prompt: v.pipe(v.string(), v.minLength(1), v.maxLength(10_000)),
      choices: v.optional(v.array(v.string())),
      timeoutMs: v.optional(durationMs),
      default: v.optional(v.string()),
    }),
    result: v.object({ answer: v.nullable(v.string()) }),
    scope: "attempt",
    about:
      "Asks a person; `answer` is null while there is none. The notification `attempt/answer` brings it to a live attempt.",
  },
  "attempt/progress": {
    params: v.strictObject({
      ...own,
      done: v.number(),
      total: v.optional(v.nullable(v.number())),
      message: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(1000)))),
    }),
    result: done,
    scope: "attempt",
    about: "Shows how far the task is.",
  },
  "attempt/artifact": {
    params: v.strictObject({ ...own, name: v.string(), path: v.string() }),
    result: v.object({ artifact }),
    scope: "attempt",
    about: "Keeps a copy of the file `path` as an artifact of the task.",
  },
  "attempt/messages": {
    params: v.strictObject({ ...own, ...journalKey }),
    result: v.object({ messages: v.array(v.string()) }),
    scope: "attempt",
    about: "The messages that arrived since the last call; journaled when `n` is given.",
  },
  "attempt/suspended": {
    params: v.strictObject({
      ...own,
      for: v.picklist(["pause", "sleep", "ask"]),
      /** For a sleep: when the first of the sleeps in flight is over. */
      until: v.optional(iso),
      base: v.optional(natural),
      value: v.optional(v.unknown()),
    }),
    result: done,
    scope: "attempt",
    about:
      "A safe point is reached and nothing is in flight: the attempt can be ended. For `pause` a checkpoint is stored first. After an error the attempt goes on.",
  },
  "attempt/result": {
    params: v.strictObject({
      ...own,
      value: v.optional(v.unknown()),
      error: v.optional(
        v.strictObject({
          name: v.string(),
          message: v.string(),
          data: v.optional(v.record(v.string(), v.unknown())),
        }),
      ),
    }),
    result: done,
    scope: "attempt",
    about: "What the task returned, or the error that it threw; durable before its process ends.",
  },
} as const;

/** What the daemon tells a connection unasked. */
export const notifications = {
  event: { params: event, about: "One committed change of a task, to subscribers." },
  "attempt/pause": {
    params: v.object({ graceMs: v.number(), over: v.boolean() }),
    about:
      "The attempt is to save a checkpoint and end; `over` says that the grace time has passed and the kill is near.",
  },
  "attempt/cancel": { params: v.object({ graceMs: v.number() }), about: "The task was canceled." },
  "attempt/answer": {
    params: v.object({ n: v.number(), base: v.number(), answer: v.string() }),
    about: "The open question was answered.",
  },
} as const;

/** The name of a method. */
export type Method = keyof typeof methods;
/** What a caller passes. */
export type Params<M extends Method> = v.InferOutput<(typeof methods)[M]["params"]>;
/** What a call answers. */
export type Result<M extends Method> = v.InferOutput<(typeof methods)[M]["result"]>;
/** One handler for each method; `C` is what the daemon knows of the connection. */
export type Handlers<C> = { [M in Method]: (params: Params<M>, connection: C) => Promise<Result<M>> };
/** The name of a notification. */
export type Notification = keyof typeof notifications;
export type NotificationParams<N extends Notification> = v.InferOutput<(typeof notifications)[N]["params"]>;

export type TaskJson = v.InferOutput<typeof task>;
export type TaskDetailsJson = TaskJson & v.InferOutput<typeof details>;
export type EventJson = v.InferOutput<typeof event>;
export type QueueJson = v.InferOutput<typeof queue>;
export type CheckpointJson = v.InferOutput<typeof checkpoint>;
export type ListedCheckpointJson = v.InferOutput<typeof listedCheckpoint>;
export type ArtifactJson = v.InferOutput<typeof artifact>;
export type NewTask = v.InferOutput<typeof newTask>;
export type Selector = v.InferOutput<typeof select>;
export type JournalEntry = v.InferOutput<typeof journalEntry>;
