/** Contexts: names for hosts and homes, in `contexts.json` of the user's configuration. */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AgentctlError } from "../core/errors.ts";
import { account } from "../home/account.ts";
import { writeBehindLink } from "../home/durable.ts";
import { fileTextOf } from "../home/text.ts";
import type { Environment } from "./environment.ts";

/** A host, or the directory of a home on this machine. */
export type Place = { host: string; home: null } | { host: null; home: string };

export interface Contexts {
  /** The context to use when nothing else names one; null for the default home. */
  current: string | null;
  places: Record<string, Place>;
}

/** The reserved name of the default home; no context can have it. */
export const DEFAULT_CONTEXT = "default";

/** Returns the path of the file that stores the contexts. */
function contextsFile(env: Environment): string {
  const config = env.XDG_CONFIG_HOME || join(env.HOME || account().home, ".config");
  return join(resolve(config), "agentctl", "contexts.json");
}

/** Returns the contexts; none if there is no file. Throws `ConfigInvalid` if the file cannot be used. */
export function readContexts(env: Environment): Contexts {
  const file = contextsFile(env);
  let text: string | undefined;
  try {
    text = fileTextOf(readFileSync(file));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return { current: null, places: {} };
    // Under sudo, HOME may be that of another user.
    const hint =
      code === "EACCES" ? "HOME=<your own> or AGENTCTL_HOME=<directory> chooses another place" : undefined;
    throw configInvalid(file, message, hint);
  }
  try {
    if (text === undefined) throw new Error("it is not UTF-8");
    const { current = null, contexts = {} } = JSON.parse(text) as {
      current?: unknown;
      contexts?: Record<string, { host?: unknown; home?: unknown }>;
    };
    const places = Object.entries(contexts).map(([name, place]) => [name, placeOf(name, place)] as const);
    if (current !== null && typeof current !== "string") throw new Error("current is the name of a context");
    return { current, places: Object.fromEntries(places) };
  } catch (error) {
    throw configInvalid(file, (error as Error).message);
  }
}

function placeOf(name: string, { host, home }: { host?: unknown; home?: unknown }): Place {
  if (typeof host === "string") return { host, home: null };
  if (typeof home === "string") return { host: null, home };
  throw new Error(`${name} has neither host nor home`);
}

/** Saves the contexts, with mode 0600. Throws `ConfigInvalid` if the file cannot be written. */
export function writeContexts(env: Environment, { current, places }: Contexts): void {
  const file = contextsFile(env);
  const contexts = Object.fromEntries(
    Object.entries(places).map(([name, { host, home }]) => [name, host === null ? { home } : { host }]),
  );
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeBehindLink(file, `${JSON.stringify({ current, contexts }, undefined, 2)}\n`);
  } catch (error) {
    throw configInvalid(file, (error as Error).message);
  }
}

/** Returns the place of the context `name`; throws `ContextNotFound`. */
export function requireContext({ places }: Contexts, name: string): Place {
  const place = Object.hasOwn(places, name) ? places[name] : undefined;
  if (place) return place;
  throw new AgentctlError("ContextNotFound", { context: name });
}

function configInvalid(file: string, reason: string, customHint?: string): AgentctlError {
  const hint = customHint ?? `mend ${file}, or remove it: agentctl context add writes a new one`;
  return new AgentctlError("ConfigInvalid", { file, reason }, { hint });
}
