import { setTimeout as sleep } from "node:timers/promises";
import type { Engine } from "./engine.ts";
import type { Live } from "./live.ts";

/** A command line that saves a checkpoint takes about a tenth of a second from its start to its end. */
const LONGEST_MS = 400;
const LOOK_MS = 20;

/**
 * A program that the pause signal ends at once, such as a shell script without a trap, may leave a running
 * `checkpoint save` behind: what ends by itself in a moment is not ended before it has.
 */
export async function awaitLastSave(engine: Engine, live: Live): Promise<void> {
  if (live.intent?.kind !== "pause" || live.intent.forced || live.isModule || !live.running) return;
  const { running } = live;
  const until = engine.clock.mono() + LONGEST_MS;
  const hasMore = () => engine.runner.tree(running).some(({ isGuard }) => !isGuard);
  while (engine.clock.mono() < until && hasMore()) await sleep(LOOK_MS);
}
