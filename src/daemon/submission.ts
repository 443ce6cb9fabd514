import { defined } from "../core/defined.ts";
import type { Submission } from "../engine/index.ts";
import type { NewTask } from "../protocol/methods.ts";
import { parseTime } from "./handlers/context.ts";

/** Converts the params of `tasks/create` for the engine. */
export function submission({ module, notBefore, ...rest }: NewTask): Submission {
  const path = typeof module === "object" ? module.path : module;
  return { ...defined({ ...rest, module: path }), notBefore: parseTime(notBefore) };
}
