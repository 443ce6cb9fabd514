import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "../../engine.ts";
import type { ActiveAttempt } from "../active-attempt.ts";

/** How long to wait, in ms. A `checkpoint save` command takes about a tenth of a second in all. */
const MAX_WAIT_MS = 400;
const POLL_MS = 20;

/**
 * Waits for the processes that a program left behind in its tree, before they are killed. A program that ends at once
 * on the pause signal, such as a shell script without a trap, may leave a running `checkpoint save`.
 */
export async function awaitLastSave(engine: Engine, active: ActiveAttempt): Promise<void> {
  if (active.intent?.kind !== "pause" || active.intent.forced || active.isModule || !active.running) return;
  const { running } = active;
  const deadline = engine.clock.mono() + MAX_WAIT_MS;
  const hasMore = () => engine.runner.tree(running).some(({ isGuard }) => !isGuard);
  while (engine.clock.mono() < deadline && hasMore()) await sleep(POLL_MS);
}
