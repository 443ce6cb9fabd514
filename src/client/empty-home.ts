import { Socket } from "node:net";
import { availableParallelism } from "node:os";
import { AgentctlError } from "../core/errors.ts";
import { isHome } from "../home/own-home.ts";
import type { Paths } from "../home/paths.ts";
import type { Method, Params, Result } from "../protocol/methods.ts";
import { RpcClient } from "../protocol/rpc-client.ts";

const POLL_MS = 300;

/**
 * Responds to commands that only read as the daemon of an empty home would. Creates no home and starts no daemon.
 * Closes when somebody creates the home, so that a command that follows tasks connects again.
 */
export class EmptyHome extends RpcClient {
  constructor(paths: Paths) {
    super(new Socket());
    const timer = setInterval(() => {
      if (isHome(paths)) this.close("the home was made");
    }, POLL_MS);
    void this.closed.then(() => clearInterval(timer));
  }

  override async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const { id, name: schedule } = params as { id?: number | string; name?: string };
    if (id !== undefined) throw new AgentctlError("TaskNotFound", { id, state: null });
    if (method === "schedules/get") throw new AgentctlError("ScheduleNotFound", { schedule });
    return emptyResult(method) as Result<M>;
  }
}

function emptyResult(method: Method): object {
  const [noun = "", verb] = method.split("/");
  if (noun === "tasks") return { seq: 0, tasks: [], next: null };
  if (noun === "queues") return { queues: [defaultQueue()] };
  return verb === "list" ? { [noun]: [] } : {};
}

/** The default queue, as a daemon creates it in a new home. */
function defaultQueue(): Result<"queues/list">["queues"][number] {
  return {
    name: "default",
    slots: Math.max(2, availableParallelism()),
    used: 0,
    numbered: false,
    preempt: false,
    held: false,
    heldBy: null,
    heldUntil: null,
    working: 0,
    waiting: 0,
  };
}
