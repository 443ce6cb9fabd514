import { defined } from "../../core/defined.ts";
import { AgentctlError } from "../../core/errors.ts";

/** What was typed cannot be meant: exit code 2. `field` is the option or argument that is wrong. */
export function usage(
  message: string,
  { hint, field }: { hint?: string; field?: string } = {},
): AgentctlError {
  const options = { message, ...defined({ hint }) };
  return new AgentctlError("InvalidParams", { field: field ?? null, reason: message }, options);
}
