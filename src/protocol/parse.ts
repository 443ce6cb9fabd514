import * as v from "valibot";
import { AgentctlError } from "../core/errors.ts";
import { type Method, methods } from "./methods.ts";

/** Returns whether `name` is a method. */
export function isMethod(name: string): name is Method {
  return Object.hasOwn(methods, name);
}

/** Validates the params of a request against the method table. Throws `InvalidParams`, which names the field. */
export function parseParams(method: Method, params: unknown): unknown {
  if (Array.isArray(params)) {
    throw new AgentctlError("InvalidParams", { field: "params", reason: "are given by name, in an object" });
  }
  const parsed = v.safeParse(methods[method].params as v.GenericSchema, params, { abortEarly: true });
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  // The path of a field, such as `labels.team`. An issue with the whole value has no path.
  const field = v.getDotPath(issue) ?? "params";
  throw new AgentctlError("InvalidParams", {
    field,
    reason: reasonOf(issue),
  });
}

function reasonOf({ type, expected, received, message }: v.BaseIssue<unknown>): string {
  if (type === "strict_object" && expected === "never") return "there is no such field";
  if (type === "strict_object" && received === "undefined") return "is missing";
  return shortened(message);
}

/** A message repeats the received value, which may be long. */
function shortened(message: string): string {
  return message.length > 500 ? `${message.slice(0, 500)}…` : message;
}
