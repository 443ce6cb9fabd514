import { AgentctlError } from "../../core/errors.ts";
import { isTerminal, openStates } from "../../core/machine.ts";
import type { Params, Result } from "../../protocol/methods.ts";
import type { Caller, Listener } from "../caller.ts";
import { fitInLine, taskJsons } from "../views/pages.ts";
import { surroundings } from "../views/surroundings.ts";
import { eventJson } from "../views/task-json.ts";
import type { Daemon } from "./context.ts";

/** How many events are read from the store at a time. */
const PAGE_SIZE = 500;

/** How many open tasks one snapshot holds. With more, the daemon would do nothing else for too long. */
const MAX_SNAPSHOT_TASKS = 10_000;

/** How many subscriptions a connection may have. Each one reads the store for every event. */
const MAX_SUBSCRIPTIONS = 32;

const CANNOT_LISTEN = "events need a connection that stays open: the socket, or GET /events over HTTP";

/**
 * Sends events as notifications. Reads them from the store by number, as fast as the peer takes them. Nothing is kept
 * in memory for a peer that is slow or stopped.
 */
export async function subscribe(
  daemon: Daemon,
  params: Params<"tasks/subscribe">,
  caller: Caller,
): Promise<Result<"tasks/subscribe">> {
  const { engine } = daemon;
  const { listener } = caller;
  if (!listener) throw new AgentctlError("UnsupportedOperation", { reason: CANNOT_LISTEN });
  if (listener.subscriptions >= MAX_SUBSCRIPTIONS) {
    const reason = `a connection may have ${MAX_SUBSCRIPTIONS} subscriptions`;
    throw new AgentctlError("UnsupportedOperation", { reason });
  }
  listener.subscriptions++;
  const task = params.id === undefined ? undefined : (await engine.require(params.id)).id;
  const seq = await engine.store.lastEvent();
  const snapshot = params.snapshot === false ? { tasks: [], next: null } : await openTasks(daemon, task);
  setImmediate(
    () =>
      void follow(daemon, caller.signal, listener, { after: params.after ?? seq, ...(task ? { task } : {}) }),
  );
  return { seq, ...snapshot };
}

/** Returns the requested task if it is open, or as many of all open tasks as fit in one line. */
async function openTasks(
  { engine }: Daemon,
  task: number | undefined,
): Promise<Pick<Result<"tasks/subscribe">, "tasks" | "next">> {
  const context = await surroundings(engine);
  if (task !== undefined) {
    const requested = await engine.require(task);
    return { tasks: taskJsons(isTerminal(requested.state) ? [] : [requested], context), next: null };
  }
  const rows = await engine.store.list({ states: openStates, limit: MAX_SNAPSHOT_TASKS + 1 });
  const { tasks } = fitInLine(taskJsons(rows.slice(0, MAX_SNAPSHOT_TASKS), context));
  return { tasks, next: rows.length > tasks.length ? String(tasks.at(-1)?.id) : null };
}

async function follow(
  { engine }: Daemon,
  signal: AbortSignal,
  listener: Listener,
  filter: { after: number; task?: number },
): Promise<void> {
  let { after } = filter;
  let wake = () => {};
  const unsubscribe = engine.onEvents(() => wake());
  signal.addEventListener("abort", () => wake());
  try {
    while (!signal.aborted) {
      const nextEvent = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const events = await engine.store.events({ ...filter, after, limit: PAGE_SIZE });
      for (const event of events) listener.notify("event", eventJson(event));
      after = events.at(-1)?.seq ?? after;
      await listener.writable();
      if (events.length < PAGE_SIZE) await nextEvent;
    }
  } catch (error) {
    engine.log.warn({ error: String(error) }, "a subscriber could not be served");
    listener.end();
  } finally {
    unsubscribe();
  }
}
