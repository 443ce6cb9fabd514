import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../core/errors.ts";
import { systemClock } from "../core/time.ts";
import type { Paths } from "../home/paths.ts";
import type { Params, Result } from "../protocol/methods.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import { dialHome } from "./connect.ts";
import { isGone } from "./persist.ts";

/** How long a daemon may take to respond before it counts as silent, in ms. */
const ANSWER_TIMEOUT_MS = 5_000;

/** How long to wait until a daemon that holds the home listens, in ms. */
const LISTEN_TIMEOUT_MS = 15_000;

/** How long a stop that keeps the tasks may take, and how long the process may run after its response, in ms. */
const END_TIMEOUT_MS = 30_000;

/** What a stop did to the running tasks, and the daemon's process. */
export type Stopped = Result<"daemon/stop"> & { pid: number };

/**
 * Stops the daemon and returns when its process has ended; undefined if none was running. Rejects with
 * `DaemonUnreachable`, which names the process, if the daemon does not respond.
 */
export async function stopDaemon(paths: Paths, params: Params<"daemon/stop">): Promise<Stopped | undefined> {
  const rpc = await reachDaemon(paths);
  if (!rpc) return undefined;
  try {
    const { pid } = await withTimeout(ANSWER_TIMEOUT_MS, paths, rpc.call("daemon/status", {}));
    const stopping = rpc.call("daemon/stop", params).catch((error: unknown) => {
      // The daemon ended before its response arrived.
      if (isGone(error)) return { frozen: [], suspended: [], running: [] };
      throw error;
    });
    const result = await (params.keep ? withTimeout(END_TIMEOUT_MS, paths, stopping) : stopping);
    await waitForEnd(pid);
    return { ...result, pid };
  } finally {
    rpc.close();
  }
}

/**
 * Connects to the daemon; undefined if none runs. A daemon that holds the home without a socket is starting, or is
 * about to create its socket again, so we wait for it. Throws if it never listens.
 */
async function reachDaemon(paths: Paths): Promise<RpcClient | undefined> {
  const deadline = systemClock.mono() + LISTEN_TIMEOUT_MS;
  for (;;) {
    const rpc = await dialHome(paths);
    if (rpc instanceof RpcClient) return rpc;
    const { holderOf, silentDaemon } = await import("./unresponsive-daemon.ts");
    if (holderOf(paths) === null) return undefined;
    if (systemClock.mono() > deadline) throw silentDaemon(paths);
    await sleep(100);
  }
}

async function withTimeout<T>(ms: number, paths: Paths, answer: Promise<T>): Promise<T> {
  const controller = new AbortController();
  const timeout = sleep(ms, undefined, { signal: controller.signal }).then(async () => {
    const { silentDaemon } = await import("./unresponsive-daemon.ts");
    throw silentDaemon(paths);
  });
  // Nobody awaits this promise after the abort, which rejects it.
  timeout.catch(() => undefined);
  return await Promise.race([answer, timeout]).finally(() => controller.abort());
}

async function waitForEnd(pid: number): Promise<void> {
  const deadline = systemClock.mono() + END_TIMEOUT_MS;
  while (isRunning(pid)) {
    if (systemClock.mono() > deadline)
      throw new AgentctlError("DaemonUnreachable", {
        reason: `process ${pid} was told to stop and still runs`,
      });
    await sleep(20);
  }
}

/** Returns whether a process runs. A zombie, which its parent has not collected yet, does not count. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  try {
    return !/^\d+ \(.*\) [ZX] /s.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
