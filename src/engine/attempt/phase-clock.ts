/**
 * How long an attempt has worked that another daemon started. The store keeps wall clock times, and that clock may jump
 * while no daemon looks. The start of each phase of work therefore notes the clock that does not, with its event; it
 * counts from the boot of the machine, so it means something to every daemon of that boot. Only the time in which there
 * was a process counts: not that before it was launched, and not that after it was gone.
 */
import { statSync } from "node:fs";
import type { Attempt, Task } from "../../core/task.ts";
import type { Ended } from "../../runner/index.ts";
import type { Engine } from "../engine.ts";
import { logFile } from "../files/environment.ts";
import type { ActiveAttempt } from "./active-attempt.ts";

/** When a phase of work began, by both clocks. */
export interface Beginning {
  steady: number;
  wall: number;
}

/** What the event of a start says of its time, beside the wall clock's. */
export function startedNow({ clock }: Engine): { steadyMs: number } {
  return { steadyMs: Math.round(clock.mono()) };
}

/**
 * An attempt whose start is in the store already gets its process only now. The event of its start stands; that the
 * attempt began later than that is how the next daemon knows.
 */
export async function beginNow(engine: Engine, active: ActiveAttempt): Promise<void> {
  active.learn({ workingSince: engine.clock.mono() });
  const startedAt = engine.clock.now();
  // Without room for it the task still runs: a daemon that comes after this one counts too much, no more.
  await engine.store.noteAttempt(active.taskId, active.attempt, { startedAt }).catch(() => {});
}

/** When the present phase began; its steady clock is told from the wall clock where it is not known. */
export async function phaseBegan(engine: Engine, task: Task, attempt: Attempt): Promise<Beginning> {
  const now = engine.clock.mono();
  const events = await engine.store.events({ after: 0, task: task.id, limit: 1_000_000 });
  const start = events.findLast(({ to }) => to === "working");
  // A thaw goes on with a process that is there.
  const late = start?.cause === "start" ? Math.max(0, attempt.startedAt - start.at) : 0;
  const wall = task.phaseAt + late;
  const byWall = now - Math.max(0, engine.clock.now() - wall);
  const steadyMs = start?.data?.steadyMs;
  const isKnown = task.state === "working" && attempt.bootId === engine.bootId;
  if (!isKnown || typeof steadyMs !== "number" || steadyMs > now) return { steady: byWall, wall };
  return { steady: Math.min(now, steadyMs + late), wall };
}

/**
 * How long an attempt worked that was over before this daemon looked: until the end that its guard wrote down, and where
 * nobody did, until it last printed or saved something, or the daemon before this one was last seen beside it. All are
 * wall clock times, so never longer than the steady clock says.
 */
export function workedUnwatched(engine: Engine, task: Task, began: Beginning, ended: Ended): number {
  const longest = Math.max(0, engine.clock.mono() - began.steady);
  const printed = lastWritten(logFile(engine, task.id, task.attempt));
  const lastSign = Math.max(printed, task.checkpoint?.createdAt ?? 0, engine.lastSeen);
  const until = ended.lost ? lastSign : ended.endedAt;
  return Math.min(Math.max(0, until - began.wall), longest);
}

/** When the file was last written to; 0 where there is none. */
function lastWritten(file: string): number {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}
