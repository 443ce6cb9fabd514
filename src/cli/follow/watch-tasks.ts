import { AgentctlError } from "../../core/errors.ts";
import type { EventJson, TaskJson } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "../command/context.ts";
import { watchDaemon } from "../command/session.ts";

/** Called with a task as it is after a change, or with why it cannot be seen; true when enough was seen of it. */
export type See = (id: number, seen: TaskJson | AgentctlError, rpc: RpcClient) => Promise<boolean>;

/**
 * Shows each of the tasks, and again after every change of it, until enough was seen of all of them or `signal` is
 * aborted. Changes that come faster than they are looked at are shown as one. Goes on when the daemon restarts.
 */
export async function watchTasks(
  context: Context,
  ids: readonly number[],
  see: See,
  signal: AbortSignal,
): Promise<void> {
  const open = new Set(ids);
  const changed = new Set<number>();
  let wake = (): void => undefined;
  const stop = (): void => wake();
  signal.addEventListener("abort", stop, { once: true });
  const onNotification = (method: string, params: unknown): void => {
    if (method !== "event") return;
    changed.add((params as EventJson).task);
    wake();
  };
  const work = async (rpc: RpcClient): Promise<void> => {
    const scope = ids.length === 1 && ids[0] !== undefined ? { id: ids[0] } : {};
    await rpc.call("tasks/subscribe", { ...scope, snapshot: false });
    for (const id of open) changed.add(id);
    const closed = rpc.closed.then((reason) => {
      throw reason;
    });
    closed.catch(() => undefined);
    while (open.size > 0 && !signal.aborted) {
      const awake = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const due = [...changed].filter((id) => open.has(id));
      changed.clear();
      await Promise.all(due.map((id) => look(rpc, id, see, open)));
      if (changed.size === 0 && open.size > 0 && !signal.aborted) await Promise.race([awake, closed]);
    }
  };
  try {
    await watchDaemon(context, work, { onNotification, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function look(rpc: RpcClient, id: number, see: See, open: Set<number>): Promise<void> {
  const seen = await rpc.call("tasks/get", { id }).then(
    ({ task }) => task,
    (error: unknown) => {
      if (error instanceof AgentctlError && error.name === "TaskNotFound") return error;
      throw error;
    },
  );
  if (await see(id, seen, rpc)) open.delete(id);
}
