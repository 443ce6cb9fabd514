import { AgentctlError } from "../core/errors.ts";
import type { Paths } from "../home/paths.ts";
import type { RpcClient } from "../protocol/rpc-client.ts";

const CHECK_INTERVAL_MS = 2_000;
/** Checks without a response after which an idle daemon counts as silent. Not a time: the command may be stopped. */
const SILENT_CHECKS = 4;
/** Checks after which a busy daemon counts as silent, too: it may be in an endless loop. */
const SILENT_CHECKS_BUSY = 60;

/**
 * Gives every call on this connection a deadline, however long the call itself may take. While a call is pending, we
 * ask the daemon for a sign of life. If none comes, we close the connection with an error that names the process. A
 * daemon that uses CPU time, for example to read ten thousand tasks from a file, has two minutes to respond. So has a
 * daemon on another machine, for which there are no paths.
 */
export function watchSilence(rpc: RpcClient, paths: Paths | null, ping: () => Promise<unknown>): void {
  let checks = 0;
  let cpuTime: number | null = null;
  const reset = () => {
    checks = 0;
  };
  const timer = setInterval(() => {
    if (!rpc.isWaiting) return reset();
    checks++;
    // An error response is a sign of life, too.
    if (checks === 1) ping().then(reset, reset);
    if (checks < SILENT_CHECKS) return;
    if (!paths) {
      if (checks < SILENT_CHECKS_BUSY) return;
      const reason = "it does not answer";
      return rpc.close(new AgentctlError("DaemonUnreachable", { reason, silent: true }));
    }
    void import("./unresponsive-daemon.ts").then(({ processorTime, silentDaemon }) => {
      const previous = cpuTime;
      cpuTime = processorTime(paths);
      const isBusy = cpuTime !== null && cpuTime !== previous;
      // The first CPU time has no earlier one to compare with.
      if (checks === SILENT_CHECKS || checks === 0 || (isBusy && checks < SILENT_CHECKS_BUSY)) return;
      clearInterval(timer);
      rpc.close(silentDaemon(paths));
    });
  }, CHECK_INTERVAL_MS);
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
