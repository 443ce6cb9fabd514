import type { Engine } from "../engine.ts";

/** The parts of the engine that store variables. */
type EnvironmentPorts = Pick<Engine, "environments" | "cluster">;

/**
 * Stores variables for tasks, on whichever machine they run, and returns their name, which the caller must settle. In a
 * cluster only the variables in `names` are stored, if it is given: the others belong to the calling machine.
 */
export async function keepEnvironment(
  { environments, cluster }: EnvironmentPorts,
  env: Record<string, string>,
  names?: readonly string[],
): Promise<string> {
  if (!cluster) return environments.put(env);
  const selected = Object.entries(env).filter(([name]) => names === undefined || names.includes(name));
  const hash = environments.put(Object.fromEntries(selected));
  try {
    await cluster.keepEnvironment(hash);
  } catch (error) {
    environments.settle(hash);
    throw error;
  }
  return hash;
}

/** Returns the variables that were stored under that name, here or on another machine. */
export async function fetchEnvironment(
  { environments, cluster }: EnvironmentPorts,
  hash: string,
): Promise<Readonly<Record<string, string>>> {
  await cluster?.fetchEnvironment(hash);
  return environments.get(hash);
}
