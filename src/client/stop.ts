import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../core/errors.ts";
import { systemClock } from "../core/time.ts";
import type { Paths } from "../home/paths.ts";
import type { Params, Result } from "../protocol/methods.ts";
import { RpcClient } from "../protocol/rpc-client.ts";
import { dialHome } from "./connect.ts";
import { isGone } from "./persist.ts";

/** A daemon that says nothing for so long does not answer any more. */
const ANSWER_MS = 5_000;

/** How long it waits for a daemon that has the home to listen. */
const PATIENCE_MS = 15_000;

/** How long a stop that leaves the tasks alone may take, and an answered one until the process is gone. */
const END_MS = 30_000;

/** What a stop did to the running tasks, and to which process. */
export type Stopped = Result<"daemon/stop"> & { pid: number };

/**
 * Stops the daemon and returns when its process has ended; undefined when none was running. Rejects with
 * `DaemonUnreachable`, which names the process, where it does not answer.
 */
export async function stopDaemon(paths: Paths, params: Params<"daemon/stop">): Promise<Stopped | undefined> {
  const rpc = await reached(paths);
  if (!rpc) return undefined;
  try {
    const { pid } = await within(ANSWER_MS, paths, rpc.call("daemon/status", {}));
    const stopping = rpc.call("daemon/stop", params).catch((error: unknown) => {
      // It ended before its answer was through.
      if (isGone(error)) return { frozen: [], suspended: [], running: [] };
      throw error;
    });
    const done = await (params.keep ? within(END_MS, paths, stopping) : stopping);
    await endOf(pid);
    return { ...done, pid };
  } finally {
    rpc.close();
  }
}

/**
 * The daemon; undefined when none runs. One that has the home and no socket is starting, or is about to make its socket
 * again. Throws where it does not come to that.
 */
async function reached(paths: Paths): Promise<RpcClient | undefined> {
  const deadline = systemClock.mono() + PATIENCE_MS;
  for (;;) {
    const rpc = await dialHome(paths);
    if (rpc instanceof RpcClient) return rpc;
    const { holderOf, silentDaemon } = await import("./unresponsive-daemon.ts");
    if (holderOf(paths) === null) return undefined;
    if (systemClock.mono() > deadline) throw silentDaemon(paths);
    await sleep(100);
  }
}

async function within<T>(ms: number, paths: Paths, answer: Promise<T>): Promise<T> {
  const answered = new AbortController();
  const late = sleep(ms, undefined, { signal: answered.signal }).then(async () => {
    const { silentDaemon } = await import("./unresponsive-daemon.ts");
    throw silentDaemon(paths);
  });
  // Aborted, it has no more to say.
  late.catch(() => undefined);
  return await Promise.race([answer, late]).finally(() => answered.abort());
}

async function endOf(pid: number): Promise<void> {
  const deadline = systemClock.mono() + END_MS;
  while (isRunning(pid)) {
    if (systemClock.mono() > deadline)
      throw new AgentctlError("DaemonUnreachable", {
        reason: `process ${pid} was told to stop and still runs`,
      });
    await sleep(20);
  }
}

/** One that has ended but was not yet collected by its parent does not run. */
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
