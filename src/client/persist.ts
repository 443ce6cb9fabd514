import { AgentctlError } from "../core/errors.ts";
import type { RpcClient } from "../protocol/rpc-client.ts";
import { type ConnectOptions, connect } from "./connect.ts";

/** How long a command that waits for a task goes on without a daemon, in ms. */
const DAEMON_TIMEOUT_MS = 30_000;

/**
 * Runs `work` on a connection, and runs it again on a new one whenever the daemon goes away. Only for work that
 * watches. If the daemon was killed, starts it again. If it was stopped, only waits, so that a waiting command never
 * undoes `daemon stop`.
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
    rpc = await connect({ ...options, start, patienceMs: DAEMON_TIMEOUT_MS });
  }
}

/** Returns whether a call failed because the connection was closed. */
export function isGone(error: unknown): boolean {
  return error instanceof AgentctlError && error.name === "DaemonUnreachable";
}
