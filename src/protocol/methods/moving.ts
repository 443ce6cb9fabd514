/** The methods for tasks that move between homes, with scope `people`. */
import * as v from "valibot";
import { task } from "../task-values.ts";
import { absolute, actor, env, natural, ref } from "../values.ts";

/** The most bytes of a bundle that one piece may have. */
const MAX_PIECE_BYTES = 4 * 1024 * 1024;

const actorParam = { actor: v.optional(actor) };
const bundle = v.string();
const move = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
const passphrase = v.optional(v.string());

export const movingMethods = {
  "tasks/export": {
    params: v.strictObject({
      id: ref,
      move: v.optional(v.strictObject({ id: move, to: v.string(), goesOn: v.optional(v.boolean()) })),
      withEnv: v.optional(v.boolean()),
      passphrase,
      ...actorParam,
    }),
    result: v.object({
      bundle,
      size: v.number(),
      sha256: v.string(),
      contents: v.array(v.object({ what: v.string(), bytes: v.number() })),
    }),
    scope: "people",
    about:
      "Writes a bundle of a task that is paused at a checkpoint: fields, journal, checkpoint, messages, artifacts, folder, and the variables that were given by name (`withEnv`: all, or none), sealed to the passphrase. With `move` the task counts as moving from now on: it cannot be resumed, canceled or deleted.",
  },
  "bundles/read": {
    params: v.strictObject({ bundle, offset: natural, length: v.pipe(natural, v.maxValue(MAX_PIECE_BYTES)) }),
    result: v.object({ data: v.string(), next: v.nullable(v.number()) }),
    scope: "people",
    about:
      "A piece of a bundle in base64, and the offset of the next one. After the last piece, whose `next` is null, the bundle is deleted.",
  },
  "bundles/write": {
    params: v.strictObject({ bundle: v.optional(bundle), offset: natural, data: v.string() }),
    result: v.object({ bundle }),
    scope: "people",
    about: "Appends a piece in base64, of at most 4 MiB, to a bundle, or begins one.",
  },
  "tasks/import": {
    params: v.strictObject({
      bundle,
      cwd: v.optional(absolute),
      module: v.optional(absolute),
      env: v.optional(env),
      passphrase,
      ...actorParam,
    }),
    result: v.object({ task, created: v.boolean() }),
    scope: "people",
    about:
      "Creates a task from a bundle, suspended as it was; a moved task is held until it arrives. Importing a bundle twice makes one task. A bundle that was cut or changed is refused and leaves nothing.",
  },
  "tasks/moving": {
    params: v.strictObject({
      move,
      arrive: v.optional(v.strictObject({ goesOn: v.boolean() })),
      ...actorParam,
    }),
    result: v.object({ task: v.nullable(task) }),
    scope: "people",
    about:
      "The task that a move brought here, or null. With `arrive`, the source has ended the task: it is released here, and resumed if `goesOn` says so.",
  },
  "tasks/moved": {
    params: v.strictObject({
      id: ref,
      move,
      to: v.optional(v.string()),
      as: v.optional(natural),
      ...actorParam,
    }),
    result: v.object({ task }),
    scope: "people",
    about:
      "Ends a task that is now in another home, with the error Moved, which names the place and the id there. Without `to`, cancels the move.",
  },
} as const;
