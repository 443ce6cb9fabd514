import { AgentctlError } from "../../core/errors.ts";
import { toIso } from "../../core/time.ts";
import type { Handlers, QueueJson } from "../../protocol/methods.ts";
import type { Connection } from "../connection.ts";
import type { Daemon } from "./context.ts";

type Queues = Pick<Handlers<Connection>, Extract<keyof Handlers<Connection>, `queues/${string}`>>;

export function queueHandlers({ engine }: Daemon): Queues {
  const list = async (): Promise<QueueJson[]> => {
    const queues = await engine.store.queues();
    return queues.map((queue) => ({
      ...queue,
      held: queue.heldBy !== null,
      heldUntil: toIso(queue.heldUntil),
    }));
  };
  const one = async (name: string): Promise<QueueJson> => {
    const queue = (await list()).find((known) => known.name === name);
    if (!queue) throw new AgentctlError("QueueNotFound", { queue: name });
    return queue;
  };
  return {
    "queues/list": async () => ({ queues: await list() }),
    "queues/set": async ({ name, slots }) => {
      const { created } = await engine.store.setQueue(name, slots);
      engine.kick();
      return { queue: await one(name), created };
    },
    "queues/hold": async ({ name }) => {
      const changed = await engine.store.holdQueue(name, "user");
      return { queue: await one(name), changed };
    },
    "queues/release": async ({ name }) => {
      const changed = await engine.store.holdQueue(name, null);
      engine.kick();
      return { queue: await one(name), changed };
    },
    "queues/remove": async ({ name }) => {
      const queue = await one(name);
      await engine.store.removeQueue(name);
      return { queue };
    },
  };
}
