import { AgentctlError } from "../../core/errors.ts";
import type { QueueChange, Store } from "../../store/store.ts";
import type { Engine } from "../engine.ts";

/** A queue, and how many tasks work and wait in it. */
export type QueueState = Awaited<ReturnType<Store["queues"]>>[number];

/** Returns the queue with that name; rejects with `QueueNotFound`. */
async function requireQueue(engine: Engine, name: string): Promise<QueueState> {
  const queue = (await engine.store.queues()).find((candidate) => candidate.name === name);
  if (!queue) throw new AgentctlError("QueueNotFound", { queue: name });
  return queue;
}

/** Makes a queue, or changes the given fields of one. Rejects with `QueueNotFound` if a new queue has no slots. */
export async function setQueue(
  engine: Engine,
  name: string,
  change: QueueChange,
): Promise<{ queue: QueueState; created: boolean }> {
  const { created } = await engine.store.setQueue(name, change);
  engine.wake();
  return { queue: await requireQueue(engine, name), created };
}

/** Holds a queue, so that it starts no tasks. Rejects with `QueueNotFound`. */
export async function holdQueue(
  engine: Engine,
  name: string,
): Promise<{ queue: QueueState; changed: boolean }> {
  const changed = await engine.store.holdQueue(name, "user");
  return { queue: await requireQueue(engine, name), changed };
}

/** Lets a held queue start tasks again, whatever held it. Rejects with `QueueNotFound`. */
export async function releaseQueue(
  engine: Engine,
  name: string,
): Promise<{ queue: QueueState; changed: boolean }> {
  const changed = await engine.store.holdQueue(name, null);
  engine.wake();
  return { queue: await requireQueue(engine, name), changed };
}

/** Removes a queue without open tasks; returns its last state. */
export async function removeQueue(engine: Engine, name: string): Promise<QueueState> {
  const queue = await requireQueue(engine, name);
  await engine.store.removeQueue(name);
  return queue;
}
