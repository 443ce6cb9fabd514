import type { Context } from "../command/context.ts";
import { undecodableVariables } from "./byte-exact.ts";

/**
 * The caller's whole environment, as a task inherits it: without what agentctl gives to tasks, so that a task
 * that is submitted from inside a task is not taken for it.
 */
export function callerEnvironment({ env, paths, out }: Context): Record<string, string> {
  const dropped = undecodableVariables(env);
  if (dropped.length > 0) out.note(`left out, not valid UTF-8: ${dropped.join(", ")}`);
  const kept = Object.entries(env).filter(
    (variable): variable is [string, string] =>
      variable[1] !== undefined && !variable[0].startsWith("AGENTCTL_") && !dropped.includes(variable[0]),
  );
  if (env.AGENTCTL_HOME !== undefined) kept.push(["AGENTCTL_HOME", paths.home]);
  return Object.fromEntries(kept);
}

/** What `--env` asks for: given values, and the caller's where only a name is given. */
export function chosenVariables(
  { env, out }: Context,
  chosen: readonly (readonly [string, string | undefined])[],
): Record<string, string> {
  const found: [string, string][] = [];
  for (const [name, given] of chosen) {
    const text = given ?? env[name];
    if (text === undefined) out.note(`left out, not set here: ${name}`);
    else found.push([name, text]);
  }
  return Object.fromEntries(found);
}
