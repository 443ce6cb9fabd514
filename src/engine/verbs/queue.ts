import { AgentctlError } from "../../core/errors.ts";
import type { QueueChange, Store } from "../../store/store.ts";
import type { Engine } from "../engine.ts";

/** A queue with how many tasks work and wait in it. */
export type QueueState = Awaited<ReturnType<Store["queues"]>>[number];

/** The queue of that name; rejects with `QueueNotFound`. */
async function requireQueue(engine: Engine, name: string): Promise<QueueState> {
  const queue = (await engine.store.queues()).find((known) => known.name === name);
  if (!queue) throw new AgentctlError("QueueNotFound", { queue: name });
  return queue;
}

/** Makes a queue, or changes what is given of one. Rejects with `QueueNotFound` where a new one has no slots. */
export async function setQueue(
  engine: Engine,
  name: string,
  change: QueueChange,
): Promise<{ queue: QueueState; created: boolean }> {
  const { created } = await engine.store.setQueue(name, change);
  engine.wake();
  return { queue: await requireQueue(engine, name), created };
}

/** Starts nothing of a queue any more. Rejects with `QueueNotFound`. */
export async function holdQueue(
  engine: Engine,
  name: string,
): Promise<{ queue: QueueState; changed: boolean }> {
  const changed = await engine.store.holdQueue(name, "user");
  return { queue: await requireQueue(engine, name), changed };
}

/** Lets a queue start tasks again, whoever held it. Rejects with `QueueNotFound`. */
export async function releaseQueue(
  engine: Engine,
  name: string,
): Promise<{ queue: QueueState; changed: boolean }> {
  const changed = await engine.store.holdQueue(name, null);
  engine.wake();
  return { queue: await requireQueue(engine, name), changed };
}

/** Removes a queue without open tasks; answers what it was. */
export async function removeQueue(engine: Engine, name: string): Promise<QueueState> {
  const queue = await requireQueue(engine, name);
  await engine.store.removeQueue(name);
  return queue;
}
