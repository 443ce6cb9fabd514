import { setTimeout as sleep } from "node:timers/promises";
import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { repair } from "./repair.ts";

/** The longest time, in ms, that a caller waits. A guard takes a few milliseconds. */
const MAX_WAIT_MS = 500;

/**
 * Resolves when the processes of the running tasks among `tasks` are known, or after `MAX_WAIT_MS`. A process follows
 * its durable start by a few milliseconds; meanwhile nobody should see a running task without a pid.
 */
export async function whenStarted(engine: Engine, tasks: readonly Task[]): Promise<void> {
  for (const { id, state } of tasks) if (state === "working" && isUnknown(engine, id)) repairSoon(engine, id);
  const starting = tasks.filter(
    ({ id, state, pid }) => state === "working" && pid === null && isStarting(engine, id),
  );
  if (starting.length === 0) return;
  const timeout = new AbortController();
  const timer = sleep(MAX_WAIT_MS, undefined, { signal: timeout.signal, ref: false }).catch(() => undefined);
  const started = starting.map(({ id }) => awaitProcess(engine, id, timeout.signal));
  await Promise.race([Promise.all(started), timer]);
  timeout.abort();
}

function isUnknown({ active, starting }: Engine, id: number): boolean {
  return !active.has(id) && !starting.has(id);
}

/** Repairs a task in the background: the caller does not wait, and shows what is in the store. */
function repairSoon(engine: Engine, id: number): void {
  repair(engine, id).catch((error) =>
    engine.log.error(
      { task: id, error: String(error) },
      "a task cannot be repaired: agentctl doctor says more",
    ),
  );
}

function isStarting(engine: Engine, id: number): boolean {
  const active = engine.active.get(id);
  return active ? !active.isEnding && !active.running?.program : engine.starting.has(id);
}

async function awaitProcess(engine: Engine, id: number, timeout: AbortSignal): Promise<void> {
  while (!timeout.aborted && isStarting(engine, id)) {
    const active = engine.active.get(id);
    await active?.launched;
    if (active?.running) return await active.running.started.then(nothing, nothing);
    // Its start was just committed. The code that makes the process runs next.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const nothing = () => undefined;
