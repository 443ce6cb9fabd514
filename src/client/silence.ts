import { AgentctlError } from "../core/errors.ts";
import type { Paths } from "../home/paths.ts";
import type { RpcClient } from "../protocol/rpc-client.ts";

const LOOK_EVERY_MS = 2_000;
/** So many looks without a sign of life, and a daemon does not answer any more. Counted in looks, because a command may itself be stopped. */
const SILENT_LOOKS = 4;

/**
 * Gives every call on this connection a deadline, however long what it asks for may take: while one is pending the daemon
 * is asked for a sign of life, and where none comes the connection is closed, with an error that names the process.
 */
export function watchSilence(rpc: RpcClient, paths: Paths, ask: () => Promise<unknown>): void {
  let looks = 0;
  const hear = () => {
    looks = 0;
  };
  const timer = setInterval(() => {
    if (!rpc.isWaiting) return hear();
    looks++;
    // A refusal is an answer, too.
    if (looks === 1) ask().then(hear, hear);
    if (looks <= SILENT_LOOKS) return;
    clearInterval(timer);
    void closeSilent(rpc, paths);
  }, LOOK_EVERY_MS);
  timer.unref();
  void rpc.closed.then(() => clearInterval(timer));
}

async function closeSilent(rpc: RpcClient, paths: Paths): Promise<void> {
  const { silentDaemon } = await import("./unresponsive-daemon.ts");
  rpc.close(silentDaemon(paths));
}

/** Whether no daemon was there at all: not one that has the home and does not answer. */
export function isAbsent(error: unknown): boolean {
  return error instanceof AgentctlError && error.name === "DaemonUnreachable" && error.data.silent !== true;
}
