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

export interface ChosenHome {
  host: Host | null;
  paths: Paths;
  /** The directory of a home that a context names; null if the environment names it. */
  home: string | null;
}

export interface HomeOptions {
  host?: string | undefined;
  context?: string | undefined;
}

/** Returns the chosen daemon. Throws a usage error, or `ContextNotFound`. */
export function chooseHome(env: Environment, { host, context }: HomeOptions): ChosenHome {
  if (host !== undefined && context !== undefined) throw usage("either --host or --context, not both");
  if (host !== undefined) return resolveHost(env, host, "--host");
  if (context !== undefined) return resolveContext(env, readContexts(env), context);
  if (env.AGENTCTL_HOST) return resolveHost(env, env.AGENTCTL_HOST, "AGENTCTL_HOST");
  if (env.AGENTCTL_CONTEXT) return resolveContext(env, readContexts(env), env.AGENTCTL_CONTEXT);
  if (env.AGENTCTL_HOME) return localHome(env);
  const contexts = readContexts(env);
  return contexts.current === null ? localHome(env) : resolveContext(env, contexts, contexts.current);
}

/** Returns the home on this machine that the environment names. */
export function localHome(env: Environment): ChosenHome {
  return { host: null, paths: pathsOf(env), home: null };
}

/** Returns the destination of `move --to`: a host or a context. */
export function resolveDestination(env: Environment, text: string): ChosenHome {
  return /^\w+:\/\//.test(text)
    ? resolveHost(env, text, "--to")
    : resolveContext(env, readContexts(env), text);
}

function resolveContext(env: Environment, contexts: Contexts, name: string): ChosenHome {
  if (name === DEFAULT_CONTEXT) return localHome(env);
  return resolvePlace(env, requireContext(contexts, name), `context ${name}`);
}

function resolvePlace(env: Environment, { host, home }: Place, field: string): ChosenHome {
  if (host !== null) return resolveHost(env, host, field);
  return { host: null, paths: pathsOf({ ...env, AGENTCTL_HOME: home }), home };
}

function resolveHost(env: Environment, text: string, field: string): ChosenHome {
  return { host: requireHost(text, field), paths: pathsOf(env), home: null };
}

/** Parses a host; throws a usage error that says what is accepted. */
export function requireHost(text: string, field: string): Host {
  const host = hostOf(text);
  if (host) return host;
  throw usage(`${field}: ${JSON.stringify(text)} is not a host; such as ${HOST_FORMS}`, { field });
}
