import { setTimeout as sleep } from "node:timers/promises";
import type { Task } from "../../core/task.ts";
import type { Engine } from "../engine.ts";
import { repair } from "./repair.ts";

/** Longer than this nobody waits; a guard takes a few milliseconds. */
const LONGEST_MS = 500;

/**
 * Resolves when the processes of those of these tasks that are running are known, or will not be soon: between the
 * start that is durable and the process lie a few milliseconds, in which nobody should be told of work without a pid.
 */
export async function whenStarted(engine: Engine, tasks: readonly Task[]): Promise<void> {
  for (const { id, state } of tasks) if (state === "working" && isUnknown(engine, id)) repairSoon(engine, id);
  const starting = tasks.filter(
    ({ id, state, pid }) => state === "working" && pid === null && isStarting(engine, id),
  );
  if (starting.length === 0) return;
  const late = new AbortController();
  const limit = sleep(LONGEST_MS, undefined, { signal: late.signal, ref: false }).catch(() => undefined);
  const started = starting.map(({ id }) => processOf(engine, id, late.signal));
  await Promise.race([Promise.all(started), limit]);
  late.abort();
}

function isUnknown({ active, starting }: Engine, id: number): boolean {
  return !active.has(id) && !starting.has(id);
}

/** Nobody waits for it: whoever looks is told what is in the store. */
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

async function processOf(engine: Engine, id: number, late: AbortSignal): Promise<void> {
  while (!late.aborted && isStarting(engine, id)) {
    const active = engine.active.get(id);
    await active?.launched;
    if (active?.running) return await active.running.started.then(nothing, nothing);
    // Its start is durable since a moment, and who makes the process has his turn next.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const nothing = () => undefined;
