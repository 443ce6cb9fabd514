import { setTimeout as sleep } from "node:timers/promises";
import { AgentctlError } from "../core/errors.ts";
import { systemClock } from "../core/time.ts";
import type { Method, Params, Result } from "../protocol/methods.ts";
import { dial } from "./dial.ts";
import { isGone } from "./persist.ts";

/** How long a call from inside a task waits while its daemon is absent, in ms. */
const DAEMON_TIMEOUT_MS = 30_000;

/**
 * Makes one call from inside a task, on the socket that the task was given. It sends no hello, so the daemon keeps
 * asking the program itself to pause. Never starts a daemon. While the daemon restarts, the call is repeated, so its
 * parameters must be safe to send twice.
 */
export async function callAsTask<M extends Method>(
  socket: string,
  method: M,
  params: Params<M>,
): Promise<Result<M>> {
  const deadline = systemClock.mono() + DAEMON_TIMEOUT_MS;
  for (;;) {
    const rpc = await dial(socket);
    if (typeof rpc === "object") {
      // A daemon that is stopped (SIGSTOP) still accepts connections but never responds.
      const timer = setTimeout(() => rpc.close(`nobody answers on ${socket}`), deadline - systemClock.mono());
      try {
        return await rpc.call(method, params);
      } catch (error) {
        if (!isGone(error)) throw error;
      } finally {
        clearTimeout(timer);
        rpc.close();
      }
    }
    if (systemClock.mono() > deadline)
      throw new AgentctlError("DaemonUnreachable", { reason: `nobody answers on ${socket}` });
    await sleep(100);
  }
}
