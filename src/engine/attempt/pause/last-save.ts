import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";

/** A command line that saves a checkpoint takes about a tenth of a second from its start to its end. */
const LONGEST_MS = 400;
const LOOK_MS = 20;

/**
 * A program that the pause signal ends at once, such as a shell script without a trap, may leave a running
 * `checkpoint save` behind: what ends by itself in a moment is not ended before it has.
 */
export async function awaitLastSave(engine: Engine, active: ActiveAttempt): Promise<void> {
  if (active.intent?.kind !== "pause" || active.intent.forced || active.isModule || !active.running) return;
  const { running } = active;
  const until = engine.clock.mono() + LONGEST_MS;
  const hasMore = () => engine.runner.tree(running).some(({ isGuard }) => !isGuard);
  while (engine.clock.mono() < until && hasMore()) await sleep(LOOK_MS);
}
