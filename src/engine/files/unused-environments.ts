import { isTerminal } from "../../core/machine.ts";
import type { Engine } from "../engine.ts";

/** From now on, deletes an environment when the last open task that uses it ends. */
export function releaseEnvironments(engine: Engine): void {
  engine.onEvents((events) => {
    const ended = events.filter(({ to }) => to && isTerminal(to)).map(({ task }) => task);
    if (ended.length > 0) void release(engine, ended);
  });
}

async function release(engine: Engine, ids: number[]): Promise<void> {
  try {
    for (const hash of await engine.store.unusedEnvironments(ids)) engine.environments.remove(hash);
  } catch (error) {
    engine.log.warn({ tasks: ids, error: String(error) }, "the environments of ended tasks are kept for now");
  }
}

/**
 * Deletes environments that no open task uses: after a submission that was refused or existed already, and after a
 * resume with another environment.
 */
export async function dropUnused(engine: Engine): Promise<void> {
  try {
    engine.environments.sweep(await engine.store.usedEnvironments());
  } catch (error) {
    engine.log.warn({ error: String(error) }, "an environment that nobody uses is kept for now");
  }
}
