import { openStates } from "../../../core/machine.ts";
import type { EventJson } from "../../../protocol/methods.ts";
import type { RpcClient } from "../../../protocol/rpc-client.ts";
import type { Context } from "../../command/context.ts";
import { command, flag, value } from "../../command/define.ts";
import { integer } from "../../command/option-values.ts";
import { reference, watchDaemon } from "../../command/session.ts";
import { allPages } from "../../input/selection.ts";

export const events = command({
  name: "events",
  summary: "every change of every task, as lines of JSON, a snapshot first",
  notes:
    'The first line is {"snapshot":{"seq","tasks"}}: the open tasks as of event seq. Then comes one event a line. Without -f: the stored events, after --after. With -f: new events, and with --after also the stored ones since.',
  args: [],
  options: {
    task: value("--task <id>", "only of this task"),
    after: value("--after <n>", "only events with a higher number", integer(0)),
    follow: flag("-f, --follow", "continue with new events"),
  },
  examples: [
    ["events -f", "from now on"],
    ["events -f --after 1041", "the events since 1041, and new ones"],
    ["events --task 12 | jq -r .to", "the way of a task"],
  ],
  reads: true,
  async run(context, _args, { task, after, follow }) {
    const stream = new EventStream(context, after ?? (follow ? undefined : 0));
    const stop = new AbortController();
    context.out.gone.addEventListener("abort", () => stop.abort(), { once: true });
    const unwatch = follow ? context.out.watchReader() : () => undefined;
    const scope = task === undefined ? {} : { id: reference(task) };
    try {
      await watchDaemon(context, (rpc) => stream.read(rpc, scope, follow, stop.signal), {
        onNotification: (method, params) => method === "event" && stream.receive(params as EventJson),
        signal: stop.signal,
      });
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      unwatch();
    }
    return 0;
  },
});

/** Prints each event once, in order, over any number of connections. */
class EventStream {
  readonly #context: Context;
  #after: number | undefined;
  #hasSnapshot = false;
  /** Events that arrived before the snapshot that they follow. */
  #early: EventJson[] = [];

  constructor(context: Context, after: number | undefined) {
    this.#context = context;
    this.#after = after;
  }

  async read(
    rpc: RpcClient,
    scope: { id?: number | string },
    follow: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { seq, ...page } = await rpc.call("tasks/subscribe", {
      ...scope,
      snapshot: true,
      ...(this.#after === undefined ? {} : { after: this.#after }),
    });
    if (!this.#hasSnapshot) {
      const tasks = await allPages(rpc, { state: [...openStates] }, Promise.resolve(page));
      this.#line({ snapshot: { seq, tasks } });
    }
    this.#hasSnapshot = true;
    this.#after ??= seq;
    for (const event of this.#early.splice(0)) this.receive(event);
    if (!follow) return await waitForBacklog(rpc);
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    const reason = await Promise.race([rpc.closed, aborted]);
    if (reason) throw reason;
  }

  receive(event: EventJson): void {
    if (!this.#hasSnapshot) this.#early.push(event);
    else if (event.seq > (this.#after ?? 0)) {
      this.#after = event.seq;
      this.#line(event);
    }
  }

  #line(value: unknown): void {
    this.#context.out.dataLine(value);
  }
}

/** Waits for the stored events. The daemon sends them with its response, so they precede the response to this call. */
async function waitForBacklog(rpc: RpcClient): Promise<void> {
  await rpc.call("daemon/status", {});
}
