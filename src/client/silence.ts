import { AgentctlError } from "../core/errors.ts";
import type { Paths } from "../home/paths.ts";
import type { RpcClient } from "../protocol/rpc-client.ts";

const LOOK_EVERY_MS = 2_000;
/** After so many looks without an answer, a daemon that does nothing counts as silent. Counted in looks, because a command may itself be stopped. */
const SILENT_LOOKS = 4;
/** After so many looks one that is busy counts as silent, too: it may be in a loop that has no end. */
const SILENT_LOOKS_BUSY = 60;

/**
 * Gives every call on this connection a deadline, however long what it asks for may take: while one is pending the daemon
 * is asked for a sign of life, and where none comes the connection is closed, with an error that names the process. A
 * daemon that uses the processor, as one that takes ten thousand tasks from a file does, has two minutes to answer; and so
 * has that of another machine, for which there are no paths.
 */
export function watchSilence(rpc: RpcClient, paths: Paths | null, ask: () => Promise<unknown>): void {
  let looks = 0;
  let used: number | null = null;
  const hear = () => {
    looks = 0;
  };
  const timer = setInterval(() => {
    if (!rpc.isWaiting) return hear();
    looks++;
    // A refusal is an answer, too.
    if (looks === 1) ask().then(hear, hear);
    if (looks < SILENT_LOOKS) return;
    if (!paths) {
      if (looks < SILENT_LOOKS_BUSY) return;
      const reason = "it does not answer";
      return rpc.close(new AgentctlError("DaemonUnreachable", { reason, silent: true }));
    }
    void import("./unresponsive-daemon.ts").then(({ processorTime, silentDaemon }) => {
      const before = used;
      used = processorTime(paths);
      const isBusy = used !== null && used !== before;
      // A first figure has nothing to be compared with.
      if (looks === SILENT_LOOKS || looks === 0 || (isBusy && looks < SILENT_LOOKS_BUSY)) return;
      clearInterval(timer);
      rpc.close(silentDaemon(paths));
    });
  }, LOOK_EVERY_MS);
  timer.unref();
  void rpc.closed.then(() => clearInterval(timer));
}

/** Whether no daemon was there at all: not one that has the home and does not answer. */
export function isAbsent(error: unknown): boolean {
  return error instanceof AgentctlError && error.name === "DaemonUnreachable" && !isSilent(error);
}

/** Whether a daemon has the home and does not answer. */
export function isSilent(error: unknown): boolean {
  return error instanceof AgentctlError && error.data.silent === true;
}
