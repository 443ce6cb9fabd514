import { getPriority } from "node:os";
import { handOver } from "../../client/hand-over.ts";
import { type Inherited, WHOLE_VARIABLE } from "../../core/inherited.ts";
import { ownLimits } from "../../home/limits.ts";
import type { Context } from "../command/context.ts";
import { undecodableVariables } from "./byte-exact.ts";

/** Returns where a task runs: in the given directory, else the caller's; on another machine, in its home directory. */
export function callerDirectory(context: Context, directory: string | undefined): { cwd?: string } {
  if (directory !== undefined) return { cwd: directory };
  return context.host ? {} : { cwd: context.cwd };
}

/**
 * Returns the caller's whole environment, which a task inherits. Leaves out the variables that agentctl gives to tasks,
 * so that a task submitted from inside a task is not taken for that one. A task on another machine inherits nothing.
 */
export function callerEnvironment({ env, paths, out, host }: Context): Record<string, string> {
  if (host) return {};
  const dropped = undecodableVariables(env);
  if (dropped.length > 0) out.note(`left out, not valid UTF-8: ${dropped.join(", ")}`);
  const variables = Object.entries(env).filter(
    (variable): variable is [string, string] =>
      variable[1] !== undefined && !variable[0].startsWith("AGENTCTL_") && !dropped.includes(variable[0]),
  );
  if (env.AGENTCTL_HOME !== undefined) variables.push(["AGENTCTL_HOME", paths.home]);
  variables.push([WHOLE_VARIABLE, "1"]);
  return Object.fromEntries(variables);
}

/** Makes sure that the daemon can give a task what {@link callerInherited} asks for, if this caller can. */
export async function ensureHandOver({ paths, host }: Context): Promise<void> {
  if (!host) await handOver(paths);
}

/** Returns what else a task inherits from the process of this command. */
export function callerInherited({ env }: Context): Inherited {
  const limits = ownLimits();
  // Node has raised its own limit to the hard one; the launcher noted what it was.
  const openFiles = env.AGENTCTL_OPEN_FILES ?? "";
  if (limits.nofile && /^\d+$/.test(openFiles)) limits.nofile[0] = Number(openFiles);
  return { umask: process.umask(), nice: getPriority(), limits };
}

/** Returns the variables for `--env`: the given value, or the caller's if only a name is given. */
export function chosenVariables(
  { env, out }: Context,
  requested: readonly (readonly [string, string | undefined])[],
): Record<string, string> {
  const pairs: [string, string][] = [];
  for (const [name, value] of requested) {
    const text = value ?? env[name];
    if (text === undefined) out.note(`left out, not set here: ${name}`);
    else pairs.push([name, text]);
  }
  return Object.fromEntries(pairs);
}
