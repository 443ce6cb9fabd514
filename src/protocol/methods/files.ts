/** The methods for what a task leaves behind (logs, checkpoints, artifacts), with scope `people`. */
import * as v from "valibot";
import { task } from "../task-values.ts";
import { artifact, checkpoint, durationMs, listedCheckpoint, natural, ref } from "../values.ts";

/** The most bytes of a file that one response may have. */
const MAX_PIECE_BYTES = 256 * 1024;

const idParam = { id: ref };

export const fileMethods = {
  "logs/path": {
    params: v.strictObject({ ...idParam, attempt: v.optional(natural), raw: v.optional(v.boolean()) }),
    result: v.object({
      logs: v.array(
        v.object({
          attempt: v.number(),
          path: v.string(),
          live: v.boolean(),
          updatedAt: v.string(),
          machine: v.nullable(v.string()),
          start: v.number(),
        }),
      ),
      missing: v.array(v.number()),
      away: v.array(v.object({ attempt: v.number(), machine: v.string(), lastSeenAt: v.string() })),
      task,
    }),
    scope: "people",
    about:
      "The paths of the logs of a task, one file for each attempt, in order; with `raw` the lines that a coding agent wrote. `updatedAt` is the time of the last write. `missing` are attempts whose log no longer exists. In a cluster `machine` is the other machine that has the file; read its bytes with logs/read, from `start` on. `away` are attempts whose log, or the rest of it, is on a machine that does not answer.",
  },
  "logs/read": {
    params: v.strictObject({
      ...idParam,
      attempt: v.optional(natural),
      offset: v.optional(natural),
      fromEnd: v.optional(natural),
      length: v.optional(v.pipe(natural, v.maxValue(MAX_PIECE_BYTES))),
      waitMs: v.optional(durationMs),
      raw: v.optional(v.boolean()),
    }),
    result: v.object({
      data: v.string(),
      offset: v.number(),
      size: v.number(),
      live: v.boolean(),
      missing: v.nullable(v.object({ machine: v.string(), lastSeenAt: v.string() })),
    }),
    scope: "people",
    about:
      "Bytes of the log of an attempt (by default the newest) in base64, at most 256 KiB: from `offset`, or the last `fromEnd` bytes. If there are none yet and `waitMs` is given, it returns when there are more, when the attempt has ended, or after that time. `missing` names the machine of a cluster that has requested bytes and does not answer. Fails with LogNotFound if the log does not exist.",
  },
  "checkpoints/list": {
    params: v.strictObject(idParam),
    result: v.object({ checkpoints: v.array(listedCheckpoint) }),
    scope: "people",
    about: "The kept checkpoints of a task, oldest first.",
  },
  "checkpoints/get": {
    params: v.strictObject({ ...idParam, seq: v.optional(natural) }),
    result: v.object({ checkpoint, data: v.string() }),
    scope: "people",
    about: "The bytes of a checkpoint in base64, the newest usable one unless `seq` names another.",
  },
  "artifacts/list": {
    params: v.strictObject(idParam),
    result: v.object({ artifacts: v.array(artifact) }),
    scope: "people",
    about: "What a task left behind.",
  },
  "artifacts/get": {
    params: v.strictObject({ ...idParam, name: v.string() }),
    result: v.object({ artifact }),
    scope: "people",
    about: "One artifact; its `path` is the file that holds it.",
  },
  "artifacts/read": {
    params: v.strictObject({
      ...idParam,
      name: v.string(),
      offset: v.optional(natural),
      length: v.optional(v.pipe(natural, v.maxValue(MAX_PIECE_BYTES))),
    }),
    result: v.object({ data: v.string(), offset: v.number(), size: v.number(), sha256: v.string() }),
    scope: "people",
    about:
      "Bytes of an artifact in base64, at most 256 KiB from `offset`; `size` and `sha256` are those of the whole.",
  },
} as const;
