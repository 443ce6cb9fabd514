import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";
import { pauseFailed } from "./refused-signals.ts";

/**
 * Stops again what somebody else has continued of a frozen task: a SIGCONT from outside, or the kernel when it is out of
 * memory. Answers which processes were running. Rejects with `PauseFailed` where they cannot be stopped.
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
  // A resume or a cancel came meanwhile, which is to find it running.
  if (!isFrozen()) engine.runner.thaw(running);
  return pids;
}
