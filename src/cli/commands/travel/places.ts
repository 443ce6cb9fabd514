import { AgentctlError } from "../../../core/errors.ts";

const OPTIONS: Record<string, string> = {
  cwd: "--cwd <directory> names one that is there",
  module: "--module <file> names where it is there",
};

/** The refusal of a task whose directory or module is not in the home that it comes to, with the option that helps. */
export function withPlaces(error: AgentctlError): AgentctlError {
  const { name, message, data } = error;
  const hint = OPTIONS[String(data.field)];
  if (name !== "InvalidParams" || hint === undefined) return error;
  return new AgentctlError(name, data, { message, hint, cause: error.cause });
}
