import { AgentctlError } from "../core/errors.ts";
import type { Paths } from "../home/paths.ts";
import type { RpcClient } from "../protocol/rpc-client.ts";

const LOOK_EVERY_MS = 2_000;
/** Checks without a response after which an idle daemon counts as silent. Not a time: the command may be stopped. */
const SILENT_LOOKS = 4;
/** Checks after which a busy daemon counts as silent, too: it may be in an endless loop. */
const SILENT_LOOKS_BUSY = 60;

/**
 * Gives every call on this connection a deadline, however long the call itself may take. While a call is pending, we
 * ask the daemon for a sign of life. If none comes, we close the connection with an error that names the process. A
 * daemon that uses CPU time, for example to read ten thousand tasks from a file, has two minutes to respond. So has a
 * daemon on another machine, for which there are no paths.
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
    // An error response is a sign of life, too.
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
      // The first CPU time has no earlier one to compare with.
      if (looks === SILENT_LOOKS || looks === 0 || (isBusy && looks < SILENT_LOOKS_BUSY)) return;
      clearInterval(timer);
      rpc.close(silentDaemon(paths));
    });
  }, LOOK_EVERY_MS);
  timer.unref();
  void rpc.closed.then(() => clearInterval(timer));
}

/** Returns whether there was no daemon at all, as opposed to one that holds the home and does not respond. */
export function isAbsent(error: unknown): boolean {
  return error instanceof AgentctlError && error.name === "DaemonUnreachable" && !isSilent(error);
}

/** Returns whether a daemon holds the home and does not respond. */
export function isSilent(error: unknown): boolean {
  return error instanceof AgentctlError && error.data.silent === true;
}
