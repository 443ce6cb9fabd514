import { AgentctlError } from "../core/errors.ts";
import type { RpcClient } from "../protocol/rpc-client.ts";
import { type ConnectOptions, connect } from "./connect.ts";

/** How long who waits for a task does without a daemon. */
const WITHOUT_DAEMON_MS = 30_000;

/**
 * Does `work` on a connection, and begins it again on another whenever the daemon goes away meanwhile: for work
 * that only watches. A daemon that was killed is started again; for one that was stopped this waits, so that
 * nobody's waiting undoes `daemon stop`.
 */
export async function persist<T>(options: ConnectOptions, work: (rpc: RpcClient) => Promise<T>): Promise<T> {
  let rpc = await connect(options);
  for (;;) {
    try {
      return await work(rpc);
    } catch (error) {
      if (options.signal?.aborted || !isGone(error)) throw error;
    } finally {
      rpc.close();
    }
    const start = options.start === "never" ? "never" : "if-dead";
    rpc = await connect({ ...options, start, patienceMs: WITHOUT_DAEMON_MS });
  }
}

/** Whether a call failed because the connection was closed. */
export function isGone(error: unknown): boolean {
  return error instanceof AgentctlError && error.name === "DaemonUnreachable";
}
