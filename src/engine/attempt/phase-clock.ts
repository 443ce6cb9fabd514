/**
 * Computes how long an attempt of an earlier daemon has worked. The store keeps wall clock times, and that clock may
 * jump while no daemon runs. So the event that starts a phase of work also notes the steady clock, which does not jump.
 * It counts from the boot of the machine, so every daemon of that boot can use it. Only the time with a process counts:
 * not the time before its launch, and not the time after its end.
 */
import { statSync } from "node:fs";
import type { Attempt, Task } from "../../core/task.ts";
import type { Ended } from "../../runner/index.ts";
import type { Engine } from "../engine.ts";
import { logFile } from "../files/environment.ts";
import type { ActiveAttempt } from "./active-attempt.ts";

/** When a phase of work began, in ms by both clocks. */
export interface PhaseStart {
  steady: number;
  wall: number;
}

/** Returns the steady clock's time, in ms, which the event of a start notes beside the wall clock's. */
export function startedNow({ clock }: Engine): { steadyMs: number } {
  return { steadyMs: Math.round(clock.mono()) };
}

/**
 * Notes that an attempt gets its process only now, although the store has the event of its start. That event stays as
 * it is. The next daemon sees the delay because the attempt's `startedAt` is later than the event.
 */
export async function beginNow(engine: Engine, active: ActiveAttempt): Promise<void> {
  active.update({ workingSince: engine.clock.mono() });
  const startedAt = engine.clock.now();
  // If the disk is full, the task still runs. The only effect is that a later daemon counts too much time.
  await engine.store.noteAttempt(active.taskId, active.attempt, { startedAt }).catch(() => {});
}

/** Returns when the present phase began. If its steady time is unknown, computes it from the wall clock. */
export async function phaseBegan(engine: Engine, task: Task, attempt: Attempt): Promise<PhaseStart> {
  const now = engine.clock.mono();
  const events = await engine.store.events({ after: 0, task: task.id, limit: 1_000_000 });
  const start = events.findLast(({ to }) => to === "working");
  // A thaw continues an existing process, so it is never late.
  const delay = start?.cause === "start" ? Math.max(0, attempt.startedAt - start.at) : 0;
  const wall = task.phaseAt + delay;
  const steadyByWall = now - Math.max(0, engine.clock.now() - wall);
  const steadyMs = start?.data?.steadyMs;
  const isKnown = task.state === "working" && attempt.bootId === engine.bootId;
  if (!isKnown || typeof steadyMs !== "number" || steadyMs > now) return { steady: steadyByWall, wall };
  return { steady: Math.min(now, steadyMs + delay), wall };
}

/**
 * Returns how long, in ms, an attempt worked that ended before this daemon checked. It worked until the end that its
 * guard recorded. Without a record, we take its last output, its last checkpoint or the last sign of the earlier
 * daemon, whichever is latest. These are wall clock times, so the steady clock caps the result.
 */
export function workedUnwatched(engine: Engine, task: Task, start: PhaseStart, ended: Ended): number {
  const maxMs = Math.max(0, engine.clock.mono() - start.steady);
  const lastOutput = lastWritten(logFile(engine, task.id, task.attempt));
  const lastSign = Math.max(lastOutput, task.checkpoint?.createdAt ?? 0, engine.lastSeen);
  const endedAt = ended.lost ? lastSign : ended.endedAt;
  return Math.min(Math.max(0, endedAt - start.wall), maxMs);
}

/** Returns when the file was last written, in ms since 1970; 0 if there is no file. */
function lastWritten(file: string): number {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}
