import type { Engine } from "../engine.ts";

/** The part of the engine that keeps variables. */
type Keeper = Pick<Engine, "environments" | "cluster">;

/**
 * Keeps variables for the tasks that get them, on whatever machine these will be; answers their name, which the caller
 * settles. In a cluster only those of `names` are kept, where it is given: the rest is the calling machine's own.
 */
export async function keepEnvironment(
  { environments, cluster }: Keeper,
  env: Record<string, string>,
  names?: readonly string[],
): Promise<string> {
  if (!cluster) return environments.put(env);
  const given = Object.entries(env).filter(([name]) => names === undefined || names.includes(name));
  const hash = environments.put(Object.fromEntries(given));
  try {
    await cluster.keepEnvironment(hash);
  } catch (error) {
    environments.settle(hash);
    throw error;
  }
  return hash;
}

/** The variables that were kept under that name, here or on another machine. */
export async function keptEnvironment(
  { environments, cluster }: Keeper,
  hash: string,
): Promise<Readonly<Record<string, string>>> {
  await cluster?.fetchEnvironment(hash);
  return environments.get(hash);
}
