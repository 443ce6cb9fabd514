import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";
import { pauseFailed } from "./refused-signals.ts";

/**
 * Stops the processes of a frozen task again, if something outside continued them: a SIGCONT, or the kernel when it is
 * out of memory. Returns the pids that were running. Rejects with `PauseFailed` if they cannot be stopped.
 */
export async function stayFrozen(engine: Engine, active: ActiveAttempt): Promise<number[]> {
  const { running } = active;
  const isFrozen = () => active.frozen && !active.intent && !active.isEnding;
  if (!running || !isFrozen()) return [];
  const pids = engine.runner.moving(running);
  if (pids.length === 0) return [];
  try {
    await engine.runner.freeze(running);
  } catch (error) {
    if (isFrozen()) throw pauseFailed(active, error, "suspended");
  }
  // A resume or a cancel came meanwhile and needs the tree running.
  if (!isFrozen()) engine.runner.thaw(running);
  return pids;
}
