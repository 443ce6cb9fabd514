/** The methods that a running task may call, authorised by its token, and the notifications that it gets. */
import * as v from "valibot";
import { suspendCauses } from "../../core/task.ts";
import { agentReport } from "../task-values.ts";
import { artifact, durationMs, env, iso, natural, reason, text, token } from "../values.ts";

const emptyResult = v.object({});
const tokenParam = { token: v.optional(token) };
const failureData = v.optional(v.record(v.string(), v.unknown()));
const amount = v.pipe(v.number(), v.minValue(0));
/**
 * The place of a journaled call: see StepKey. `call` counts all calls. `alone` means that no other call was in flight.
 */
const journalKey = {
  n: v.optional(natural),
  base: v.optional(natural),
  call: v.optional(natural),
  alone: v.optional(v.boolean()),
};
const stepName = v.pipe(text, v.minLength(1), v.maxLength(1000));
/** Names a step of a module; `base` is the checkpoint from which its names are counted. */
const namedStep = { name: stepName, n: natural, base: natural };
export const journalEntry = v.object({
  kind: v.picklist(["step", "sleep", "ask", "messages"]),
  name: v.string(),
  n: v.number(),
  base: v.number(),
  call: v.number(),
  alone: v.boolean(),
  /** A step's result (absent if undefined), a sleep's end (ms since 1970), the answer, or the messages. */
  value: v.optional(v.unknown()),
});

export const attemptMethods = {
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
      /** Null unless the caller is the host of a task module. */
      module: v.nullable(
        v.object({
          path: v.string(),
          /** Whether the module drives a coding agent. */
          isAgent: v.optional(v.boolean()),
          /** Absent if the task was submitted without an input. */
          input: v.optional(v.unknown()),
          cwd: v.string(),
          env,
          /** The beginning of the journal, as much as fits in one line. */
          journal: v.array(journalEntry),
          /** The `after` with which `attempt/journal` returns the rest; absent if this is the whole journal. */
          journalNext: v.optional(natural),
          /** The size of the results in the whole journal, and the limit of that size, in bytes. */
          journalBytes: v.optional(natural),
          journalMaxBytes: v.optional(natural),
          /** The values that steps which have not ended keep. */
          kept: v.optional(v.array(v.object({ ...namedStep, value: v.unknown() }))),
          /** The file in which the host itself may make brief steps durable, and the key of its checksums. */
          steps: v.optional(v.object({ path: v.string(), key: v.string() })),
        }),
      ),
    }),
    scope: "attempt",
    about:
      "Authorises the connection for its attempt. From then on the daemon requests a pause with the notification `attempt/pause`, and reports a cancel with `attempt/cancel`.",
  },
  "attempt/journal": {
    params: v.strictObject({ ...tokenParam, after: natural }),
    result: v.object({ journal: v.array(journalEntry), next: v.optional(natural) }),
    scope: "attempt",
    about: "The next part of the journal, for the host of a module whose hello gave `journalNext`.",
  },
  "attempt/checkpoint": {
    params: v.strictObject({
      ...tokenParam,
      value: v.optional(v.unknown()),
      data: v.optional(v.string()),
      label: v.optional(v.pipe(text, v.maxLength(64))),
      base: v.optional(natural),
      nonce: v.optional(v.pipe(v.string(), v.maxLength(64))),
      /** The values that running steps keep, under their names as counted from this checkpoint. */
      kept: v.optional(v.array(v.strictObject({ name: stepName, n: natural, value: v.unknown() }))),
      /** Steps since the last checkpoint that were journaled but not requested again. */
      unused: v.optional(v.array(v.strictObject(namedStep))),
    }),
    result: v.object({ seq: v.number() }),
    scope: "attempt",
    about:
      "Saves a checkpoint: a JSON `value`, or bytes as base64 (RFC 4648, padded; line breaks are ignored) in `data`. Returns when it is durable. A repeated `nonce` returns the first checkpoint.",
  },
  "attempt/step": {
    params: v.strictObject({
      ...tokenParam,
      ...journalKey,
      name: stepName,
      started: v.optional(v.boolean()),
      startedAt: v.optional(iso),
      value: v.optional(v.unknown()),
      /** The number of the last step in the step file. */
      written: v.optional(natural),
    }),
    result: v.object({
      value: v.optional(v.unknown()),
      /** Whether all steps up to `written` are in the store. */
      taken: v.optional(v.boolean()),
    }),
    scope: "attempt",
    about:
      "Acknowledges a step with its result, exactly once. For a step that is already journaled it returns the journaled value. With `started: true` it only reports that the step has begun; with `started: false`, that the step ended without a result for the journal: it failed, or its result is in the step file.",
  },
  "attempt/keep": {
    params: v.strictObject({ ...tokenParam, ...namedStep, value: v.unknown() }),
    result: emptyResult,
    scope: "attempt",
    about:
      "Stores a JSON `value` of at most 64 KiB for a running step and replaces the one before. The attempt that runs the step again gets it. The daemon forgets it when the step is acknowledged.",
  },
  "attempt/suspend": {
    params: v.strictObject({
      ...tokenParam,
      cause: v.picklist(suspendCauses),
      reason: v.optional(reason),
      until: v.optional(iso),
      error: v.optional(v.strictObject({ name: v.string(), message: v.string(), data: failureData })),
    }),
    result: emptyResult,
    scope: "attempt",
    about:
      "Requests a pause of the task itself by checkpoint, with this cause. The task then gets `attempt/pause` and ends as for any other pause. It resumes by itself at `until`. A pause that is already under way stays as it is.",
  },
  "attempt/sleep": {
    params: v.strictObject({ ...tokenParam, ...journalKey, ms: durationMs }),
    result: v.object({ until: v.string() }),
    scope: "attempt",
    about: "Journals a sleep; returns the time of its end, which is the same for every attempt.",
  },
  "attempt/ask": {
    params: v.strictObject({
      ...tokenParam,
      ...journalKey,
      prompt: v.pipe(text, v.minLength(1), v.maxLength(10_000)),
      choices: v.optional(v.array(text)),
      timeoutMs: v.optional(durationMs),
      default: v.optional(text),
    }),
    result: v.object({ answer: v.nullable(v.string()) }),
    scope: "attempt",
    about:
      "Asks a person; `answer` is null until there is one. The notification `attempt/answer` tells a live attempt that there is one.",
  },
  "attempt/progress": {
    params: v.strictObject({
      ...tokenParam,
      done: amount,
      total: v.optional(v.nullable(amount)),
      message: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(1000)))),
    }),
    result: emptyResult,
    scope: "attempt",
    about: "Shows how far the task is.",
  },
  "attempt/artifact": {
    params: v.strictObject({ ...tokenParam, name: text, path: text }),
    result: v.object({ artifact }),
    scope: "attempt",
    about:
      "Keeps a copy of the file `path` as an artifact of the task. A relative path starts at the task's `cwd`.",
  },
  "attempt/messages": {
    params: v.strictObject({ ...tokenParam, ...journalKey }),
    result: v.object({ messages: v.array(v.string()) }),
    scope: "attempt",
    about: "The messages that arrived since the last call; journaled when `n` is given.",
  },
  "attempt/agent": {
    params: v.strictObject({
      ...tokenParam,
      report: agentReport,
      /** The agent has made progress: earlier losses do not count any more. */
      progressed: v.optional(v.boolean()),
      session: v.optional(v.pipe(text, v.maxLength(500))),
    }),
    result: emptyResult,
    scope: "attempt",
    about:
      "What the host of a coding agent reports about it, for `show`. `session` claims that session for this task; it is refused with `SessionInUse` if another open task has it.",
  },
  "attempt/alive": {
    params: v.strictObject(tokenParam),
    result: emptyResult,
    scope: "attempt",
    about:
      "Sent by the host of a module after `attempt/cancel`: its event loop is free, so it can use the grace time. A host that does not send it is killed earlier.",
  },
  "attempt/suspended": {
    params: v.strictObject({
      ...tokenParam,
      for: v.picklist(["pause", "sleep", "ask"]),
      /** For a sleep: when the first of the sleeps in flight ends. */
      until: v.optional(iso),
      base: v.optional(natural),
      value: v.optional(v.unknown()),
    }),
    result: emptyResult,
    scope: "attempt",
    about:
      "The attempt has reached a safe point and has no call in flight, so it can be ended. For `pause` the daemon first stores a checkpoint. After an error the attempt continues.",
  },
  "attempt/result": {
    params: v.strictObject({
      ...tokenParam,
      value: v.optional(v.unknown()),
      error: v.optional(v.strictObject({ name: v.string(), message: v.string(), data: failureData })),
      /** As for `attempt/checkpoint`. */
      unused: v.optional(v.array(v.strictObject(namedStep))),
    }),
    result: emptyResult,
    scope: "attempt",
    about: "Reports what the task returned, or the error that it threw; durable before its process ends.",
  },
} as const;

export const attemptNotifications = {
  "attempt/pause": {
    params: v.object({ graceMs: v.number(), over: v.boolean() }),
    about:
      "The attempt should save a checkpoint and end. `over` says that the grace time has passed and the kill is near.",
  },
  "attempt/cancel": { params: v.object({ graceMs: v.number() }), about: "The task was canceled." },
  "attempt/message": { params: v.object({}), about: "A message was sent to the task." },
  "attempt/answer": {
    params: v.object({ n: v.number(), base: v.number(), answer: v.string() }),
    about: "The open question was answered.",
  },
} as const;
