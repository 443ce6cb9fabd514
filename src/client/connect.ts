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

/** How long a command waits for a daemon that is starting, stopping or silent. */
const PATIENCE_MS = 15_000;
/** Another daemon holds the home but does not answer yet; when it is gone, its place is free this soon. */
const START_AGAIN_MS = 500;

/** Which daemon to speak to, and what to do when there is none. */
export interface ConnectOptions {
  paths: Paths;
  env: Environment;
  /** The machine or socket of the daemon, in place of the home of `paths`. */
  host?: Host | null;
  /** Whether to start one: never, where a killed one left its socket, or always. */
  start: "never" | "if-dead" | "always";
  /** The daemon that is started starts no task. */
  hold?: boolean;
  /** Speak also to a daemon of another version, to ask after it or to stop it. */
  anyVersion?: boolean;
  /** How long it may take until a daemon answers. */
  patienceMs?: number;
  onNotification?: OnNotification;
  signal?: AbortSignal;
  /** Only reads: where there is no home, this is answered as an empty home would, and none is made. */
  reads?: boolean;
}

/**
 * A connection to the daemon of the home, which is started when it is not there; of many that connect together
 * exactly one starts it. Throws `VersionMismatch`, `DaemonUnreachable`, or what keeps the daemon from starting.
 */
export async function connect(options: ConnectOptions): Promise<RpcClient> {
  return (await connectWith(options, () => undefined)).rpc;
}

/**
 * As {@link connect}, with what `open` calls going out behind the greeting. The daemon begins it only when it has taken
 * and answered the greeting: without that answer nothing was done, and it is called again on the next connection.
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
      const ask = () => (options.anyVersion ? answer.call("daemon/status", {}) : greet(answer));
      watchSilence(answer, paths, ask);
      const greeting = options.anyVersion ? true : greeted(answer);
      const opening = open(answer);
      // Where the greeting fails, that is told, and not what becomes of the call behind it.
      if (opening instanceof Promise) opening.catch(() => undefined);
      if (await greeting) return { rpc: answer, opening };
    } else if (options.reads && answer === "absent" && !isHome(paths)) {
      const { EmptyHome } = await import("./empty-home.ts");
      const rpc = new EmptyHome(paths);
      return { rpc, opening: open(rpc) };
    } else if (mayStart(options, answer)) {
      if (systemClock.mono() - startedAt > START_AGAIN_MS) {
        startedAt = systemClock.mono();
        const { startDaemon } = await import("./start.ts");
        if ((await startDaemon(paths, options.env, options.hold ?? false)) === "ready") continue;
      }
    } else if (options.patienceMs === undefined && !(await isHeld(paths))) throw notRunning(paths);
    if (systemClock.mono() > deadline) throw await tooLate(paths, patienceMs);
    await sleep(40, undefined, signal ? { signal } : {});
  }
}

/** How soon a host that cannot be reached is tried again, by who waits for it to come back. */
const HOST_AGAIN_MS = 500;

async function connectHost<T>(
  options: ConnectOptions,
  host: Host,
  open: (rpc: RpcClient) => T,
): Promise<{ rpc: RpcClient; opening: T }> {
  const { env, patienceMs = 0, onNotification, signal } = options;
  const deadline = systemClock.mono() + patienceMs;
  const { dialHost, explained, placed } = await import("./host.ts");
  for (;;) {
    try {
      const rpc = await dialHost(host, env, onNotification);
      rpc.told = (error) => placed(host, error);
      const ask = () => (options.anyVersion ? rpc.call("daemon/status", {}) : greet(rpc));
      watchSilence(rpc, null, ask);
      const greeting = options.anyVersion ? Promise.resolve() : greet(rpc);
      greeting.catch(() => rpc.close());
      const opening = open(rpc);
      if (opening instanceof Promise) opening.catch(() => undefined);
      await greeting;
      return { rpc, opening };
    } catch (error) {
      const isAway = error instanceof AgentctlError && error.name === "DaemonUnreachable";
      if (!isAway || systemClock.mono() > deadline) throw explained(host, error);
    }
    await sleep(HOST_AGAIN_MS, undefined, signal ? { signal } : {});
  }
}

function mayStart({ start }: ConnectOptions, answer: NoAnswer): boolean {
  return start === "always" || (start === "if-dead" && answer === "dead");
}

/** Whether the daemon took the greeting; false when it closed the connection, as one that is about to end does. */
async function greeted(rpc: RpcClient): Promise<boolean> {
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

/** Whether what answers is the daemon of this home, so that the files that it names are there to be read. */
export function isHomeOf(rpc: RpcClient, paths: Paths): boolean {
  return rpc.home === undefined || rpc.home === homeId(paths);
}

/** The connection to a home's daemon; a socket in a folder in which others could have put it is none. */
export async function dialHome(paths: Paths, onNotification?: OnNotification): Promise<RpcClient | NoAnswer> {
  const { socket } = paths;
  return isOwnFolder(dirname(socket)) ? await dial(socket, onNotification) : "absent";
}

/** Whether a process has the home although nobody listens: a daemon that starts takes the lock before its socket. */
async function isHeld(paths: Paths): Promise<boolean> {
  const { holderOf } = await import("./unresponsive-daemon.ts");
  return holderOf(paths) !== null;
}

function notRunning({ home }: Paths): AgentctlError {
  return new AgentctlError("DaemonUnreachable", { reason: `none is running for ${home}` });
}

async function tooLate(paths: Paths, patienceMs: number): Promise<AgentctlError> {
  const { log, home } = paths;
  const { holderOf, silentDaemon } = await import("./unresponsive-daemon.ts");
  if (holderOf(paths) !== null) return silentDaemon(paths);
  const reason = `none answered for ${home} within ${Math.round(patienceMs / 1000)} s`;
  return new AgentctlError("DaemonUnreachable", { reason, log });
}
