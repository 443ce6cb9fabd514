import { setTimeout as delay } from "node:timers/promises";
import { defined } from "../../core/defined.ts";
import { asAgentctlError } from "../../core/errors.ts";
import type { Engine } from "../engine.ts";
import { pause } from "../verbs/pause.ts";

/** How long a stop waits for a start that hangs, in ms; the next daemon finds out what became of it. */
const MAX_START_MS = 5000;

/** Resolves when no task is starting any more; the caller must set `isHolding` first. */
export async function awaitStarts(engine: Engine): Promise<void> {
  const deadline = engine.clock.mono() + MAX_START_MS;
  while (engine.starting.size > 0 && engine.clock.mono() < deadline) await delay(1);
  if (engine.starting.size === 0) return;
  engine.log.warn({ tasks: [...engine.starting] }, "starts that hang are left to the next daemon");
}

/** The result for each running task: suspended with a checkpoint, frozen, or still running, and why. */
export interface Paused {
  suspended: number[];
  frozen: number[];
  running: { id: number; reason: string }[];
}

/**
 * Pauses every running task so that the next daemon can resume it: by checkpoint if possible, otherwise by freezing. A
 * task that cannot be paused keeps running, and the next daemon adopts it.
 */
export async function shutdown(engine: Engine, { graceMs }: { graceMs?: number }): Promise<Paused> {
  engine.isHolding = true;
  engine.isGoingDown = true;
  // A task that is starting now is paused as well.
  await awaitStarts(engine);
  const suspended: number[] = [];
  const frozen: number[] = [];
  const running: Paused["running"] = [];
  const reason = "the daemon was stopped";
  const options = {
    cause: "shutdown" as const,
    actor: "daemon",
    reason,
    ...defined({ graceMs }),
  };
  const working = [...engine.active.values()].filter((active) => !active.frozen && !active.isEnding);
  await Promise.all(
    working.map(async ({ taskId }) => {
      try {
        const { task } = await pause(engine, taskId, options);
        (task.frozen ? frozen : suspended).push(taskId);
      } catch (error) {
        engine.log.info({ task: taskId, error: String(error) }, "a task was not paused at the stop");
        // A task that has ended in the meantime needs no pause.
        const isRunning = engine.active.get(taskId)?.isEnding === false;
        if (isRunning)
          running.push({ id: taskId, reason: `could not be paused: ${asAgentctlError(error).message}` });
      }
    }),
  );
  for (const { taskId: id, recordError } of engine.active.values()) {
    if (recordError)
      running.push({ id, reason: `was canceled, which could not be recorded: ${recordError.message}` });
  }
  engine.isStopping = true;
  return {
    suspended: suspended.sort((a, b) => a - b),
    frozen: frozen.sort((a, b) => a - b),
    running: running.sort((a, b) => a.id - b.id),
  };
}

/** Returns the result for a daemon that stops while its store does not respond: nothing could be recorded. */
export function unpaused(engine: Engine): Paused {
  engine.isStopping = true;
  const reason = "could not be paused: the store does not answer";
  const running = [...engine.active.values()].filter((active) => !active.isEnding && !active.frozen);
  return { suspended: [], frozen: [], running: running.map(({ taskId: id }) => ({ id, reason })) };
}
