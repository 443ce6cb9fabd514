import { createHash } from "node:crypto";

/** Bears the attempt's token, which also authorises. Programs that filter out what looks like a secret remove it. */
export const TOKEN_VARIABLE = "AGENTCTL_TOKEN";

/** Bears {@link treeMarker}: nothing about its name or value looks like a secret, and it is none. */
export const TREE_VARIABLE = "AGENTCTL_TREE";

/** Bears the {@link treeMarker} of the tree that a program was taken out of with `agentctl detach`. */
export const DETACHED_VARIABLE = "AGENTCTL_DETACHED";

/** The public name of an attempt's tree: the same for the same token, and the token cannot be found from it. */
export function treeMarker(token: string): string {
  return createHash("sha256").update(token).digest("hex").slice(0, 24);
}

/** The variables that take a program out of the tree of the task that starts it; none where no task does. */
export function detachedBy(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const token = env[TOKEN_VARIABLE];
  const marker = env[TREE_VARIABLE] ?? (token === undefined ? undefined : treeMarker(token));
  return marker === undefined ? {} : { [DETACHED_VARIABLE]: marker };
}
