/**
 * How long an adopted attempt has worked. The store keeps wall clock times, and that clock may jump while no daemon
 * looks. The start of each phase of work therefore notes the clock that does not, with its event; it counts from the boot of
 * the machine, so it means something to every daemon of that boot.
 */
import type { Attempt, Task } from "../core/task.ts";
import type { Engine } from "./engine.ts";

/** What the event of a start says of its time, beside the wall clock's. */
export function startedNow({ clock }: Engine): { steadyMs: number } {
  return { steadyMs: Math.round(clock.mono()) };
}

/** When the present phase began, by the steady clock; by the wall clock where that is not known. */
export async function phaseBeganAt(engine: Engine, task: Task, attempt: Attempt): Promise<number> {
  const now = engine.clock.mono();
  const byWall = now - Math.max(0, engine.clock.now() - task.phaseAt);
  if (task.state !== "working" || attempt.bootId !== engine.bootId) return byWall;
  const events = await engine.store.events({ after: 0, task: task.id, limit: 1_000_000 });
  const steadyMs = events.findLast(({ to }) => to === "working")?.data?.steadyMs;
  return typeof steadyMs === "number" && steadyMs <= now ? steadyMs : byWall;
}
