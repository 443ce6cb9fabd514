import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../core/errors.ts";
import { systemClock } from "../core/time.ts";
import { homeId } from "../home/identity.ts";
import { isHome } from "../home/own-home.ts";
import { isOwnFolder, type Paths } from "../home/paths.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import { dial, type NoAnswer, type OnNotification } from "./dial.ts";
import type { Environment } from "./environment.ts";
import type { Host } from "./host.ts";
import { isSilent, watchSilence } from "./silence.ts";

/** How long a command waits for a daemon that is starting, stopping or silent, in ms. */
const PATIENCE_MS = 15_000;
/** While another daemon holds the home but does not respond, how long to wait before the next start, in ms. */
const START_RETRY_MS = 500;

/** Which daemon to connect to, and what to do when none runs. */
export interface ConnectOptions {
  paths: Paths;
  env: Environment;
  /** The machine or socket of the daemon, instead of the home of `paths`. */
  host?: Host | null;
  /** When to start a daemon: never, only if a killed one left its socket, or always. */
  start: "never" | "if-dead" | "always";
  /** A daemon that this call starts begins no task. */
  hold?: boolean;
  /** Connect also to a daemon of another version, to query its status or to stop it. */
  anyVersion?: boolean;
  /** How long to wait for a daemon to respond, in ms. */
  patienceMs?: number;
  onNotification?: OnNotification;
  signal?: AbortSignal;
  /** The caller only reads: without a home, we respond as an empty one would, and create none. */
  reads?: boolean;
}

/**
 * Connects to the home's daemon, and starts it if none runs. Of many callers that connect at once, exactly one starts
 * it. Throws `VersionMismatch`, `DaemonUnreachable`, or the error that keeps the daemon from starting.
 */
export async function connect(options: ConnectOptions): Promise<RpcClient> {
  return (await connectWith(options, () => undefined)).rpc;
}

/**
 * Like {@link connect}, but sends the calls of `open` right after the greeting. The daemon runs them only after it has
 * accepted the greeting. If it does not respond to the greeting, nothing was done, and `open` is called again on the
 * next connection.
 */
export async function connectWith<T>(
  options: ConnectOptions,
  open: (rpc: RpcClient) => T,
): Promise<{ rpc: RpcClient; opening: T }> {
  if (options.host) return await connectHost(options, options.host, open);
  const { paths, patienceMs = PATIENCE_MS, signal } = options;
  const deadline = systemClock.mono() + patienceMs;
  let startedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const answer = await dialHome(paths, options.onNotification);
    if (answer instanceof RpcClient) {
      const ping = () => (options.anyVersion ? answer.call("daemon/status", {}) : greet(answer));
      watchSilence(answer, paths, ping);
      const greeting = options.anyVersion ? true : tryGreet(answer);
      const opening = open(answer);
      // If the greeting fails, we report that failure, not the one of the call that follows it.
      if (opening instanceof Promise) opening.catch(() => undefined);
      if (await greeting) return { rpc: answer, opening };
    } else if (options.reads && answer === "absent" && !isHome(paths)) {
      const { EmptyHome } = await import("./empty-home.ts");
      const rpc = new EmptyHome(paths);
      return { rpc, opening: open(rpc) };
    } else if (canStart(options, answer)) {
      if (systemClock.mono() - startedAt > START_RETRY_MS) {
        startedAt = systemClock.mono();
        const { startDaemon } = await import("./start.ts");
        if ((await startDaemon(paths, options.env, options.hold ?? false)) === "ready") continue;
      }
    } else if (options.patienceMs === undefined && !(await isHeld(paths))) throw notRunningError(paths);
    if (systemClock.mono() > deadline) throw await timeoutError(paths, patienceMs);
    await sleep(40, undefined, signal ? { signal } : {});
  }
}

/** How long to wait before trying again to reach a host, in ms. */
const HOST_RETRY_MS = 500;

async function connectHost<T>(
  options: ConnectOptions,
  host: Host,
  open: (rpc: RpcClient) => T,
): Promise<{ rpc: RpcClient; opening: T }> {
  const { env, patienceMs = 0, onNotification, signal } = options;
  const deadline = systemClock.mono() + patienceMs;
  const { dialHost, explainMismatch, withHost } = await import("./host.ts");
  for (;;) {
    try {
      const rpc = await dialHost(host, env, onNotification);
      rpc.mapError = (error) => withHost(host, error);
      const ping = () => (options.anyVersion ? rpc.call("daemon/status", {}) : greet(rpc));
      watchSilence(rpc, null, ping);
      const greeting = options.anyVersion ? Promise.resolve() : greet(rpc);
      greeting.catch(() => rpc.close());
      const opening = open(rpc);
      if (opening instanceof Promise) opening.catch(() => undefined);
      await greeting;
      return { rpc, opening };
    } catch (error) {
      const isUnreachable = error instanceof AgentctlError && error.name === "DaemonUnreachable";
      if (!isUnreachable || systemClock.mono() > deadline) throw explainMismatch(host, error);
    }
    await sleep(HOST_RETRY_MS, undefined, signal ? { signal } : {});
  }
}

function canStart({ start }: ConnectOptions, answer: NoAnswer): boolean {
  return start === "always" || (start === "if-dead" && answer === "dead");
}

/** Returns whether the daemon accepted the greeting; false if it closed the connection, as it does before it ends. */
async function tryGreet(rpc: RpcClient): Promise<boolean> {
  try {
    await greet(rpc);
    return true;
  } catch (error) {
    rpc.close();
    if ((await rpc.closed) === error && !isSilent(error)) return false;
    throw error;
  }
}

async function greet(rpc: RpcClient): Promise<void> {
  const { home } = await rpc.call("daemon/hello", { version: __VERSION__ });
  rpc.home = home;
}

/** Returns whether the connection leads to this home's daemon, so that the files it names can be read here. */
export function isHomeOf(rpc: RpcClient, paths: Paths): boolean {
  return rpc.home === undefined || rpc.home === homeId(paths);
}

/** Connects to a home's daemon. A socket in a folder where other users could have put it counts as absent. */
export async function dialHome(paths: Paths, onNotification?: OnNotification): Promise<RpcClient | NoAnswer> {
  const { socket } = paths;
  return isOwnFolder(dirname(socket)) ? await dial(socket, onNotification) : "absent";
}

/** Returns whether a process holds the home though nobody listens: a starting daemon locks it before it listens. */
async function isHeld(paths: Paths): Promise<boolean> {
  const { holderOf } = await import("./unresponsive-daemon.ts");
  return holderOf(paths) !== null;
}

function notRunningError({ home }: Paths): AgentctlError {
  return new AgentctlError("DaemonUnreachable", { reason: `none is running for ${home}` });
}

async function timeoutError(paths: Paths, patienceMs: number): Promise<AgentctlError> {
  const { log, home } = paths;
  const { holderOf, silentDaemon } = await import("./unresponsive-daemon.ts");
  if (holderOf(paths) !== null) return silentDaemon(paths);
  const reason = `none answered for ${home} within ${Math.round(patienceMs / 1000)} s`;
  return new AgentctlError("DaemonUnreachable", { reason, log });
}
