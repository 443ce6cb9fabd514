import { defined } from "../../core/defined.ts";
import { toIso } from "../../core/time.ts";
import { holdQueue, type QueueState, releaseQueue, removeQueue, setQueue } from "../../engine/index.ts";
import type { Handlers, QueueJson } from "../../protocol/methods.ts";
import type { Daemon } from "./context.ts";

type Queues = Pick<Handlers<unknown>, Extract<keyof Handlers<unknown>, `queues/${string}`>>;

const queueJson = (queue: QueueState): QueueJson => ({
  ...queue,
  held: queue.heldBy !== null,
  heldUntil: toIso(queue.heldUntil),
});

export function queueHandlers({ engine }: Daemon): Queues {
  return {
    "queues/list": async () => ({ queues: (await engine.store.queues()).map(queueJson) }),
    "queues/set": async ({ name, slots, ...flags }) => {
      const change = defined({ ...flags, slots: slots === "unlimited" ? null : slots });
      const { queue, created } = await setQueue(engine, name, change);
      return { queue: queueJson(queue), created };
    },
    "queues/hold": async ({ name }) => {
      const { queue, changed } = await holdQueue(engine, name);
      return { queue: queueJson(queue), changed };
    },
    "queues/release": async ({ name }) => {
      const { queue, changed } = await releaseQueue(engine, name);
      return { queue: queueJson(queue), changed };
    },
    "queues/remove": async ({ name }) => ({ queue: queueJson(await removeQueue(engine, name)) }),
  };
}
