/** The methods for tasks, with scope `people`. */
import * as v from "valibot";
import { editedFields, newTask, task, taskFields } from "../task-values.ts";
import {
  actor,
  cursor,
  details,
  durationMs,
  env,
  iso,
  labels,
  natural,
  noNul,
  pauseMode,
  queueName,
  reason,
  ref,
  select,
  state,
  text,
} from "../values.ts";

const idParam = { id: ref };
const actorParam = { actor: v.optional(actor) };
const changed = v.object({ task, changed: v.boolean() });
/** The fields that a pause returns besides the task. */
const pauseFields = {
  memoryBytes: v.optional(v.number()),
  /** Whether there is something from which `resume` can continue. */
  continues: v.optional(v.boolean()),
  processes: v.optional(v.number()),
};
const answer = v.object({
  id: v.number(),
  ok: v.boolean(),
  changed: v.boolean(),
  task: v.optional(task),
  error: v.optional(
    v.object({ code: v.number(), message: v.string(), data: v.record(v.string(), v.unknown()) }),
  ),
});
/** Tasks that the selector matches but that were left unchanged, with the reason. */
const unchanged = v.array(v.object({ id: v.number(), state, reason: v.string() }));

/** Chooses the schema by the given fields, so that an error names the wrong field and not the choice of schema. */
const oneOrMany = <A extends v.GenericSchema, B extends v.GenericSchema>(single: A, many: B) =>
  v.lazy((input): A | B =>
    typeof input === "object" && input !== null && "select" in input ? many : single,
  );

const pauseOptions = {
  mode: v.optional(pauseMode),
  graceMs: v.optional(durationMs),
  until: v.optional(iso),
  /** When to pause; null cancels the planned pause. */
  at: v.optional(v.nullable(iso)),
  reason: v.optional(reason),
  wait: v.optional(v.boolean()),
  ...actorParam,
};
const resumeOptions = {
  from: v.optional(v.pipe(natural, v.minValue(1))),
  fromStart: v.optional(v.boolean()),
  env: v.optional(env),
  replaceEnv: v.optional(v.boolean()),
  module: v.optional(v.string()),
  /** For a coding agent: the message with which it continues, and how much more it may use. */
  message: v.optional(v.pipe(text, v.minLength(1))),
  addCost: v.optional(v.pipe(v.number(), v.minValue(0))),
  addTokens: v.optional(natural),
  addTurns: v.optional(natural),
  /** In a cluster: the machines, or labels of machines, on which the task may continue. */
  on: v.optional(v.array(noNul)),
  ...actorParam,
};

export const taskMethods = {
  "tasks/create": {
    params: newTask,
    result: v.object({ task, created: v.boolean() }),
    scope: "people",
    about:
      "Submits a task. With a `key` that exists, that task is returned and nothing is started. A task that could never start (a missing directory, module, file of variables or program, a time in the past) is refused; with `acceptMissing`, missing files may come later. `stdin` is a file that every attempt opens, `pipe` for what `tasks/send` writes, or data of at most 64 MiB that is stored for every attempt: the content of a file (`{copy}`), or an upload by `bundles/write` (`{bundle}`).",
  },
  "tasks/batch": {
    params: v.strictObject({
      tasks: v.pipe(v.array(newTask), v.maxLength(100_000)),
      env: newTask.entries.env,
      cwd: newTask.entries.cwd,
      inherited: newTask.entries.inherited,
    }),
    result: v.object({ tasks: v.array(v.object({ id: v.number(), created: v.boolean() })) }),
    scope: "people",
    about:
      "Submits many tasks in one transaction: all or none. `env`, `cwd` and `inherited` are those of every task; a task's own variables are added, its own `cwd` and `inherited` take precedence. `after` may name an earlier task of the batch.",
  },
  "tasks/get": {
    params: v.strictObject({ ...idParam, details: v.optional(v.boolean()) }),
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
      /** In a cluster: tasks whose process is on this machine, or on a machine with this label. */
      on: v.optional(v.string()),
      since: v.optional(iso),
      /** Open tasks and this many of the most recently ended ones; without it, all tasks by id. */
      recent: v.optional(natural),
      limit: v.optional(v.pipe(natural, v.minValue(1), v.maxValue(10_000))),
      cursor: v.optional(v.nullable(cursor)),
      /** Return only these fields of each task: a shorter response, and less to read. */
      fields: v.optional(v.pipe(v.array(v.picklist(taskFields)), v.minLength(1))),
    }),
    result: v.object({ tasks: v.array(task), next: v.nullable(v.string()) }),
    scope: "people",
    about:
      "Tasks by id, oldest first, in pages of `limit` (1000, with `recent` 10000), or of fewer if they fill half of the longest line; `next` is the cursor of the next page. With `fields` a task has only those, which is several times as fast for many tasks.",
  },
  "tasks/pause": {
    params: oneOrMany(
      v.strictObject({ ...idParam, ...pauseOptions }),
      v.strictObject({ select, ...pauseOptions }),
    ),
    result: v.union([
      v.object({ ...changed.entries, ...pauseFields }),
      v.object({ results: v.array(v.object({ ...answer.entries, ...pauseFields })), left: unchanged }),
    ]),
    scope: "people",
    about:
      "Pauses a task and returns when none of its processes runs; with `wait: false`, when the request is durable. `select` pauses every running task that it selects; with only `all` or `queue` it also holds those queues, in the same transaction.",
  },
  "tasks/resume": {
    params: oneOrMany(
      v.strictObject({ ...idParam, ...resumeOptions }),
      v.strictObject({ select, ...resumeOptions }),
    ),
    result: v.union([
      v.object({ ...changed.entries, notes: v.array(v.string()) }),
      v.object({ results: v.array(answer), left: unchanged }),
    ]),
    scope: "people",
    about:
      "Queues a suspended task again. `notes` says what a person should know, such as a module that changed.",
  },
  "tasks/cancel": {
    params: v.strictObject({
      ...idParam,
      graceMs: v.optional(durationMs),
      reason: v.optional(reason),
      wait: v.optional(v.boolean()),
      ...actorParam,
    }),
    result: changed,
    scope: "people",
    about: "Ends a task: TERM, after the grace time KILL, to its whole tree; returns when the tree is gone.",
  },
  "tasks/hold": {
    params: v.strictObject({ ...idParam, ...actorParam }),
    result: changed,
    scope: "people",
    about: "Keeps a task that is not running from being started.",
  },
  "tasks/release": {
    params: v.strictObject({ ...idParam, ...actorParam }),
    result: changed,
    scope: "people",
    about: "Lets a held task go.",
  },
  "tasks/rerun": {
    params: v.strictObject({
      ...idParam,
      from: v.optional(natural),
      continue: v.optional(v.boolean()),
      ...editedFields,
      inherited: newTask.entries.inherited,
      ...actorParam,
    }),
    result: v.object({ task }),
    scope: "people",
    about:
      "Submits a new task from an ended one. `env` is its environment; other fields replace the old ones. `from` starts it at that checkpoint, `continue` at the last one with the results of all steps; both copy the task folder.",
  },
  "tasks/edit": {
    params: v.strictObject({ ...idParam, ...editedFields, ...actorParam }),
    result: changed,
    scope: "people",
    about:
      "Changes what an open task was submitted with: `queue`, `slots` and `on` while it is not working, `after` and `notBefore` while it waits to be started, `cwd`, `env` and `argv` while it was never started. The event `edit` has the old and the new value of each field.",
  },
  "tasks/answer": {
    params: v.strictObject({ ...idParam, text, ...actorParam }),
    result: changed,
    scope: "people",
    about: "Answers the open question of a task.",
  },
  "tasks/send": {
    params: v.strictObject({
      ...idParam,
      text: v.optional(text),
      newline: v.optional(v.boolean()),
      eof: v.optional(v.boolean()),
      ...actorParam,
    }),
    result: v.object({ message: v.number() }),
    scope: "people",
    about:
      "Sends a message to an open task: delivered once, in order, also across a pause. A program with a pipe for stdin reads the text and a newline (`newline: false`: the text alone), and `eof` ends its stdin. Any other task asks for messages; a program that has not said hello is refused with `UnsupportedOperation`.",
  },
  "tasks/delete": {
    params: v.strictObject({ ...idParam, force: v.optional(v.boolean()), ...actorParam }),
    result: v.object({ task }),
    scope: "people",
    about:
      "Deletes an ended task with its logs, checkpoints, artifacts and git worktree; returns the task as it was. Refused without `force` while the worktree has work that exists nowhere else.",
  },
  "tasks/wait": {
    params: v.strictObject({
      ...idParam,
      until: v.optional(v.array(state)),
      timeoutMs: v.optional(durationMs),
    }),
    result: v.object({ task, timedOut: v.boolean() }),
    scope: "people",
    about: "Returns when the task has ended or is in one of the states of `until`.",
  },
  "tasks/subscribe": {
    params: v.strictObject({
      id: v.optional(ref),
      after: v.optional(natural),
      snapshot: v.optional(v.boolean()),
    }),
    result: v.object({ seq: v.number(), tasks: v.array(task), next: v.nullable(v.string()) }),
    scope: "people",
    about:
      "From now on this connection gets every event as a notification `event`. The result holds the open tasks (a snapshot as of event `seq`), and with `after` the events since that number follow first. If they are too many for one line, `next` is the cursor for `tasks/list`.",
  },
} as const;
