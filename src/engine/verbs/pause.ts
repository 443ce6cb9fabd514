/**
 * Pausing, in this order: record the request, ask the task, stop it at a safe point, store the checkpoint, change the
 * state, release the slot. If a step fails while the process lives, the pause ends with an error and the task stays as
 * it was. Once the process is gone, the pause can only complete, in `finish.ts`, which handles every end of an attempt.
 * A pause continues when its client is gone, and the next daemon completes a recorded pause.
 */
import type { Task } from "../../core/task.ts";
import type { ActiveAttempt } from "../attempt/active-attempt.ts";
import { findActive } from "../attempt/find-active.ts";
import { carryOut, join } from "../attempt/pause/carry-out.ts";
import { isElsewhere, pauseElsewhere, refuseElsewhere } from "../attempt/pause/elsewhere.ts";
import {
  afterEnd,
  intentFor,
  type Paused,
  type PauseOptions,
  prepare,
  record,
} from "../attempt/pause/request.ts";
import { stayFrozen } from "../attempt/pause/stay-frozen.ts";
import type { Engine } from "../engine.ts";
import { onceSettled } from "../once-settled.ts";
import { notPausable } from "../refusals.ts";

/**
 * Pauses a task; resolves when it is `suspended` and no process of its tree runs. Pausing a suspended task changes
 * nothing, except that `mode: "checkpoint"` makes a frozen one save a checkpoint. Rejects with `TaskNotPausable`.
 */
export async function pause(engine: Engine, ref: string | number, options: PauseOptions): Promise<Paused> {
  let isRepaired = false;
  return await onceSettled(engine, ref, async (task) => {
    if (task.state === "suspended") {
      const paused = await pauseSuspended(engine, task, options);
      return isRepaired ? { ...paused, changed: true } : paused;
    }
    if (task.state === "resumed") return { task: await unresume(engine, task, options), changed: true };
    if (task.state !== "working") throw notPausable(task);
    if (isElsewhere(engine, task)) return await pauseElsewhere(engine, task, options);
    const active = await findActive(engine, task, intentFor(engine, task, options));
    if (active) return await pauseActive(engine, active, task, options);
    isRepaired = true;
    return undefined;
  });
}

async function pauseSuspended(engine: Engine, task: Task, options: PauseOptions): Promise<Paused> {
  if (options.mode === "checkpoint")
    refuseElsewhere(engine, task, "only its daemon can press it for a checkpoint,");
  const active = engine.active.get(task.id);
  if (active?.pausing) return await join(engine, active, options);
  if (task.resumesWith !== null && options.cause === "user") return await keepPaused(engine, task, options);
  if (active && options.mode !== "checkpoint") await stayFrozen(engine, active);
  if (!task.frozen || options.mode !== "checkpoint" || !active?.running) return { task, changed: false };
  if (!active.canRequest("pause")) {
    return options.wait === false ? { task, changed: false } : await afterEnd(active);
  }
  const request = prepare(engine, active, task, withUserPause(task, options));
  await record(engine, [request]);
  active.markThawed();
  engine.fault("pause:before-thaw");
  engine.runner.thaw(active.running);
  engine.fault("pause:after-thaw");
  return await carryOut(engine, request, options);
}

/** Turns a pause that would end automatically into the user's pause, which only the user ends. */
async function keepPaused(engine: Engine, task: Task, options: PauseOptions): Promise<Paused> {
  const { cause, actor, reason = null, until = null, group = null } = options;
  const at = engine.clock.now();
  const pause = task.pause && { ...task.pause, cause, actor, reason, at, until, group };
  const event = { cause: "pause", actor, at };
  const changed = await engine.store.update(
    task.id,
    { pause, resumesWith: null },
    { states: ["suspended"], event },
  );
  return { task: changed, changed: true };
}

/** Returns options that keep the user's current pause of a frozen task, when another pause asks it for a checkpoint. */
function withUserPause({ pause }: Task, options: PauseOptions): PauseOptions {
  if (pause?.cause !== "user") return options;
  const { until, reason, group } = pause;
  return {
    ...options,
    until: options.until ?? until,
    reason: options.reason ?? reason,
    group: group ?? null,
  };
}

async function unresume(engine: Engine, task: Task, options: PauseOptions): Promise<Task> {
  const { cause, actor, reason = null, until = null, group = null } = options;
  const at = engine.clock.now();
  const before = task.pause ?? { mode: "checkpoint" as const, outcome: null };
  const newPause = { mode: before.mode, outcome: before.outcome, cause, actor, reason, at, until, group };
  return await engine.store.apply({
    id: task.id,
    transition: "unresume",
    attempt: task.attempt,
    at,
    cause: cause === "user" ? "pause" : cause,
    actor,
    set: { pause: newPause, ...(task.frozen ? { pid: task.pid } : {}) },
  });
}

async function pauseActive(
  engine: Engine,
  active: ActiveAttempt,
  task: Task,
  options: PauseOptions,
): Promise<Paused | undefined> {
  if (active.pausing) return await join(engine, active, options);
  if (!active.agreesWithStore(task)) return undefined;
  if (!active.canRequest("pause")) {
    return options.wait === false ? { task, changed: false } : await afterEnd(active);
  }
  const request = prepare(engine, active, task, options);
  await record(engine, [request]);
  return await carryOut(engine, request, options);
}
