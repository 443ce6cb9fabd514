import { AgentctlError } from "../../../core/errors.ts";

const HINTS: Record<string, string> = {
  cwd: "--cwd <directory> names one that is there",
  module: "--module <file> names where it is there",
};

/** Adds the option that helps to an error about a directory or module that the target home does not have. */
export function withPathHint(error: AgentctlError): AgentctlError {
  const { name, message, data } = error;
  const hint = HINTS[String(data.field)];
  if (name !== "InvalidParams" || hint === undefined) return error;
  return new AgentctlError(name, data, { message, hint, cause: error.cause });
}
