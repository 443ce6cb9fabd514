import { undecodableVariables } from "./byte-exact.ts";
import type { Context } from "./context.ts";

/**
 * The caller's whole environment, as a task inherits it: without what agentctl gives to tasks, so that a task
 * that is submitted from inside a task is not taken for it.
 */
export function callerEnvironment({ env, paths, out }: Context): Record<string, string> {
  const dropped = undecodableVariables(env);
  if (dropped.length > 0) out.note(`left out, not valid UTF-8: ${dropped.join(", ")}`);
  const kept: Record<string, string> = {};
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || name.startsWith("AGENTCTL_") || dropped.includes(name)) continue;
    kept[name] = text;
  }
  if (env.AGENTCTL_HOME !== undefined) kept.AGENTCTL_HOME = paths.home;
  return kept;
}

/** What `--env` asks for: given values, and the caller's where only a name is given. */
export function chosenVariables(
  { env, out }: Context,
  chosen: readonly (readonly [string, string | undefined])[],
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, given] of chosen) {
    const text = given ?? env[name];
    if (text === undefined) out.note(`left out, not set here: ${name}`);
    else found[name] = text;
  }
  return found;
}
