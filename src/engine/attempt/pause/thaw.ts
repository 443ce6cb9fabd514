import type { Task } from "../../../core/task.ts";
import type { Engine } from "../../engine.ts";
import { slotsMax } from "../../limits.ts";
import { finish } from "../finish.ts";
import { startedNow } from "../phase-clock.ts";
import { repair } from "../repair.ts";
import { armTimeout } from "../timeout.ts";

/** Continues a frozen task with the same process and the same attempt. */
export async function thaw(engine: Engine, task: Task): Promise<void> {
  const active = engine.active.get(task.id);
  if (!active?.running || engine.runner.isGone(active.running)) return await reportGone(engine, task);
  const working = await engine.store.apply({
    id: task.id,
    transition: "start",
    attempt: task.attempt,
    at: engine.clock.now(),
    cause: "thaw",
    actor: "daemon",
    data: startedNow(engine),
    fromQueue: { slotsMax: slotsMax(engine), slotNumbers: task.slotNumbers },
    set: { frozen: false, pid: active.running.program?.pid ?? task.pid },
  });
  engine.fault("thaw:before-continue");
  active.markThawed();
  active.update({ workingSince: engine.clock.mono() });
  engine.runner.thaw(active.running);
  engine.fault("thaw:after-continue");
  armTimeout(engine, active, working);
}

/**
 * Records the end of a frozen process that is gone: its guard is stopped too, and cannot report it. Ends the rest of
 * the tree first. Resolves when the end is recorded.
 */
export async function reportGone(engine: Engine, task: Task): Promise<void> {
  const active = engine.active.get(task.id);
  const lostEnd = { exitCode: null, signal: null, endedAt: engine.clock.now(), lost: true };
  if (!active) await repair(engine, task.id);
  else if (active.isEnding) await active.ended.promise;
  else await finish(engine, active, lostEnd, true);
}
