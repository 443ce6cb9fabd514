/**
 * Chooses the daemon for a command, by the first of these that is given: `--host`, `--context`, AGENTCTL_HOST,
 * AGENTCTL_CONTEXT, AGENTCTL_HOME, the current context, the default home.
 */
import {
  type Contexts,
  DEFAULT_CONTEXT,
  type Place,
  readContexts,
  requireContext,
} from "../../client/contexts.ts";
import type { Environment } from "../../client/environment.ts";
import { HOST_FORMS, type Host, hostOf } from "../../client/host.ts";
import { type Paths, pathsOf } from "../../home/paths.ts";
import { usage } from "./usage.ts";

export interface Chosen {
  host: Host | null;
  paths: Paths;
  /** The directory of a home that a context names; null if the environment names it. */
  home: string | null;
}

export interface Given {
  host?: string | undefined;
  context?: string | undefined;
}

/** Returns the chosen daemon. Throws a usage error, or `ContextNotFound`. */
export function chooseHome(env: Environment, { host, context }: Given): Chosen {
  if (host !== undefined && context !== undefined) throw usage("either --host or --context, not both");
  if (host !== undefined) return onHost(env, host, "--host");
  if (context !== undefined) return inContext(env, readContexts(env), context);
  if (env.AGENTCTL_HOST) return onHost(env, env.AGENTCTL_HOST, "AGENTCTL_HOST");
  if (env.AGENTCTL_CONTEXT) return inContext(env, readContexts(env), env.AGENTCTL_CONTEXT);
  if (env.AGENTCTL_HOME) return here(env);
  const contexts = readContexts(env);
  return contexts.current === null ? here(env) : inContext(env, contexts, contexts.current);
}

/** Returns the home on this machine that the environment names. */
export function here(env: Environment): Chosen {
  return { host: null, paths: pathsOf(env), home: null };
}

/** Returns the destination of `move --to`: a host or a context. */
export function placeOf(env: Environment, text: string): Chosen {
  return /^\w+:\/\//.test(text) ? onHost(env, text, "--to") : inContext(env, readContexts(env), text);
}

function inContext(env: Environment, contexts: Contexts, name: string): Chosen {
  if (name === DEFAULT_CONTEXT) return here(env);
  return atPlace(env, requireContext(contexts, name), `context ${name}`);
}

function atPlace(env: Environment, { host, home }: Place, field: string): Chosen {
  if (host !== null) return onHost(env, host, field);
  return { host: null, paths: pathsOf({ ...env, AGENTCTL_HOME: home }), home };
}

function onHost(env: Environment, text: string, field: string): Chosen {
  return { host: requireHost(text, field), paths: pathsOf(env), home: null };
}

/** Parses a host; throws a usage error that says what is accepted. */
export function requireHost(text: string, field: string): Host {
  const host = hostOf(text);
  if (host) return host;
  throw usage(`${field}: ${JSON.stringify(text)} is not a host; such as ${HOST_FORMS}`, { field });
}
