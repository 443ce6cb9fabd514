import { AgentctlError } from "../../core/errors.ts";
import type { EventJson, TaskJson } from "../../protocol/methods.ts";
import type { RpcClient } from "../../protocol/rpc-client.ts";
import type { Context } from "../command/context.ts";
import { watchDaemon } from "../command/session.ts";

/** Called with a task after a change, or with the reason why it cannot be seen; true when we are done with it. */
export type OnTask = (id: number, seen: TaskJson | AgentctlError, rpc: RpcClient) => Promise<boolean>;

/** Returns the tasks that were submitted since the last call, or since the watching began. */
export type More = (rpc: RpcClient) => Promise<number[]>;

/**
 * Passes each task to `onTask`, and again after every change, until we are done with all of them or `signal` is aborted.
 * With `more`, tasks that are submitted later join them; if there is none yet, it waits for the first. Several quick
 * changes may be passed on as one. Continues when the daemon restarts.
 */
export async function watchTasks(
  context: Context,
  ids: readonly number[],
  onTask: OnTask,
  signal: AbortSignal,
  more?: More,
): Promise<void> {
  const open = new Set(ids);
  let hasNewTasks = false;
  let isFirstAwaited = more !== undefined && ids.length === 0;
  const changed = new Set<number>();
  let wake = (): void => undefined;
  const onAbort = (): void => wake();
  signal.addEventListener("abort", onAbort, { once: true });
  const onNotification = (method: string, params: unknown): void => {
    if (method !== "event") return;
    const { task, from, to } = params as EventJson;
    changed.add(task);
    if (from === null && to !== null) hasNewTasks = true;
    wake();
  };
  const work = async (rpc: RpcClient): Promise<void> => {
    const scope = !more && ids.length === 1 && ids[0] !== undefined ? { id: ids[0] } : {};
    const addNew = async () => {
      hasNewTasks = false;
      for (const id of (await more?.(rpc)) ?? []) {
        open.add(id);
        changed.add(id);
        isFirstAwaited = false;
      }
    };
    await rpc.call("tasks/subscribe", { ...scope, snapshot: false });
    await addNew();
    for (const id of open) changed.add(id);
    const closed = rpc.closed.then((reason) => {
      throw reason;
    });
    closed.catch(() => undefined);
    const shouldContinue = () => (open.size > 0 || isFirstAwaited) && !signal.aborted;
    while (shouldContinue()) {
      const change = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const due = [...changed].filter((id) => open.has(id));
      changed.clear();
      await Promise.all(due.map((id) => fetchTask(rpc, id, onTask, open)));
      if (hasNewTasks || open.size === 0) await addNew();
      if (changed.size === 0 && shouldContinue()) await Promise.race([change, closed]);
    }
  };
  try {
    await watchDaemon(context, work, { onNotification, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function fetchTask(rpc: RpcClient, id: number, onTask: OnTask, open: Set<number>): Promise<void> {
  const seen = await rpc.call("tasks/get", { id }).then(
    ({ task }) => task,
    (error: unknown) => {
      if (error instanceof AgentctlError && error.name === "TaskNotFound") return error;
      throw error;
    },
  );
  if (await onTask(id, seen, rpc)) open.delete(id);
}
