import { createHash } from "node:crypto";

/** Holds the attempt's token, which also authorises requests. Programs that filter out secrets remove this variable. */
export const TOKEN_VARIABLE = "AGENTCTL_TOKEN";

/** Holds {@link treeMarker}: it is not a secret, and neither its name nor its value looks like one. */
export const TREE_VARIABLE = "AGENTCTL_TREE";

/** Holds the {@link treeMarker} of the tree that `agentctl detach` removed a program from. */
export const DETACHED_VARIABLE = "AGENTCTL_DETACHED";

/** Returns the public name of an attempt's tree: always the same for a token, which cannot be derived from it. */
export function treeMarker(token: string): string {
  return createHash("sha256").update(token).digest("hex").slice(0, 24);
}

/** Returns the variables that detach a program from the tree of the task that starts it; none if no task starts it. */
export function detachedBy(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const token = env[TOKEN_VARIABLE];
  const marker = env[TREE_VARIABLE] ?? (token === undefined ? undefined : treeMarker(token));
  return marker === undefined ? {} : { [DETACHED_VARIABLE]: marker };
}
