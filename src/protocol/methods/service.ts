/** The methods for queues, hooks and the daemon, with scope `people`. */
import * as v from "valibot";
import { absolute, durationMs, hook, natural, nullable, queue, queueName } from "../values.ts";

const empty = v.strictObject({});

export const serviceMethods = {
  "queues/list": {
    params: empty,
    result: v.object({ queues: v.array(queue) }),
    scope: "people",
    about: "The queues with their slots, and how many of their tasks are running and waiting.",
  },
  "queues/set": {
    params: v.strictObject({
      name: queueName,
      slots: v.optional(
        v.nullable(v.union([v.picklist(["unlimited"]), v.pipe(natural, v.maxValue(100_000))])),
      ),
      numbered: v.optional(v.boolean()),
      preempt: v.optional(v.boolean()),
    }),
    result: v.object({ queue, created: v.boolean() }),
    scope: "people",
    about:
      "Creates a queue, which needs `slots`, or changes the given fields of one; null and `unlimited` mean no limit. `numbered` gives its tasks slot numbers. `preempt` lets a waiting task pause a working one of lower priority. A queue that is created while a pause holds every queue is held, too.",
  },
  "queues/hold": {
    params: v.strictObject({ name: queueName }),
    result: v.object({ queue, changed: v.boolean() }),
    scope: "people",
    about: "A held queue starts no task and stops none.",
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
  "hooks/list": {
    params: empty,
    result: v.object({ hooks: v.array(hook) }),
    scope: "people",
    about:
      "The hooks of config.json, numbered from 1, how many events each was sent and still waits for, and its last error.",
  },
  "hooks/test": {
    params: v.strictObject({ n: v.pipe(natural, v.minValue(1)) }),
    result: v.object({ ok: v.boolean(), reason: nullable(v.string()), said: v.string(), ms: v.number() }),
    scope: "people",
    about: "Sends an example to a hook and returns the response, within a minute. A failure is not retried.",
  },
  "daemon/hello": {
    params: v.strictObject({ version: v.string() }),
    result: v.object({ version: v.string(), pid: v.number(), home: v.string() }),
    scope: "people",
    about:
      "Returns the id of the home in `home`: a client whose own `machine.json` has this id can read the home's files. Fails with VersionMismatch when the daemon is not of the caller's version, and so does every later request on that connection. Later requests start after the response.",
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
      /** Why the database of a cluster cannot be used. If it cannot, `tasks` is empty. */
      store: v.optional(nullable(v.string())),
      /** Where the daemon serves HTTP, or why it does not although it should; null if `http.listen` is off. */
      http: nullable(
        v.object({ listen: v.string(), url: nullable(v.string()), error: nullable(v.string()) }),
      ),
    }),
    scope: "people",
    about:
      "The daemon, and a count of tasks for each state. `store` says why they cannot be counted if the database of a cluster does not answer. `http` is the address of the HTTP server, or why there is none; null if `http.listen` is off.",
  },
  "daemon/ui": {
    params: empty,
    result: v.object({ url: v.string() }),
    scope: "people",
    about:
      "An address that signs a browser in; it works once, within a minute. Fails with UnsupportedOperation if HTTP is off.",
  },
  "daemon/reload": {
    params: empty,
    result: v.object({ changed: v.array(v.string()) }),
    scope: "people",
    about:
      "Reads config.json again and applies it; `changed` names the settings that differ from before. Fails, changing nothing, if the file cannot be used.",
  },
  "daemon/backup": {
    params: v.strictObject({ file: v.optional(absolute) }),
    result: v.object({ file: v.string() }),
    scope: "people",
    about:
      "Copies the store while it is in use, to a new file, or by default into `backups/` of the home, where it counts like an automatic backup. Returns when the copy is verified.",
  },
  "daemon/stop": {
    params: v.strictObject({ keep: v.optional(v.boolean()), graceMs: v.optional(durationMs) }),
    result: v.object({
      frozen: v.array(v.number()),
      suspended: v.array(v.number()),
      /** Tasks that could not be paused and continue to run, or that were canceled and could not be recorded. */
      running: v.array(v.object({ id: v.number(), reason: v.string() })),
    }),
    scope: "people",
    about:
      "Pauses every running task and ends the daemon; the next start resumes them. A task that cannot be paused keeps running, and the next daemon adopts it. With `keep` all processes keep running, and the next daemon adopts them.",
  },
} as const;
