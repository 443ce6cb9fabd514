import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";
import { attributeOf, type Command, longName } from "./define.ts";

/** Returns a usage error (exit code 2). `field` is the option or argument that is wrong. */
export function usage(
  message: string,
  { hint, field }: { hint?: string; field?: string } = {},
): AgentctlError {
  const options = { message, ...defined({ hint }) };
  return new AgentctlError("InvalidParams", { field: field ?? null, reason: message }, options);
}

/** Rewrites an error of the daemon about a parameter, so that it names the command's option or operand. */
export function withOptionNames({ args, options }: Command, error: AgentctlError): AgentctlError {
  const { field, reason } = error.data;
  if (typeof field !== "string" || error.message !== `${field}: ${reason}`) return error;
  const [, ofTask, name = ""] = /^(task\.)?([a-z]\w*)/i.exec(field) ?? [];
  const operand = ofTask ? undefined : args.find(([each]) => each === `<${name}>`);
  const option = Object.entries(options).find(([key, spec]) => {
    const long = attributeOf(longName(spec));
    return [key, long, `${long}Ms`].includes(name);
  })?.[1];
  // The parameter `name` comes from the first operand.
  const nameOperand = name === "name" && !ofTask ? args[0] : undefined;
  const place = operand?.[0] ?? (option ? `--${longName(option)}` : nameOperand?.[0]);
  if (place === undefined) return error;
  const errorOptions = { message: `${place}: ${reason}`, ...(error.hint ? { hint: error.hint } : {}) };
  return new AgentctlError("InvalidParams", { ...error.data, field: place }, errorOptions);
}
