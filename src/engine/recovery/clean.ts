/** Ends and removes what a dead daemon left without an owner: run files, waiting hosts, environments. */
import { readdirSync, rmSync } from "node:fs";
import { isOwnName } from "../../home/own-names.ts";
import type { Engine } from "../engine.ts";
import { hostLog } from "../hosts/hosts.ts";

/** To be called when every live attempt is known. `active` has the keys of all that were live, even if ended since. */
export async function clean(engine: Engine, active: ReadonlySet<string>): Promise<void> {
  const inUse = new Set([...active, ...[...engine.active.values()].map(({ runKey }) => runKey)]);
  const keys = readdirSync(engine.places.run)
    .filter((name) => isOwnName("run", name))
    .map((name) => name.replace(/\.[^.]*$/, ""));
  const orphans = [...new Set(keys)].filter((key) => !inUse.has(key));
  for (const key of orphans) {
    if (key.startsWith("host.")) void endHost(engine, key);
    else engine.runner.forget(key);
    engine.runner.steps(key).remove();
  }
  engine.environments.sweep(await engine.store.usedEnvironments());
}

/** Ends a host that waits for a task. This daemon refuses its token too, but we do not rely on that. */
async function endHost(engine: Engine, key: string): Promise<void> {
  try {
    // We do not know its token and need none, because the host has started nothing.
    const state = await engine.runner.adopt({ key, token: PLACEHOLDER_TOKEN });
    if (state && "running" in state) await engine.runner.terminate(state.running, { graceMs: 0 });
  } catch (error) {
    engine.log.warn({ key, error: String(error) }, "a module host of an earlier daemon could not be ended");
  }
  engine.runner.forget(key);
  rmSync(hostLog(engine.places, key), { force: true });
}

const PLACEHOLDER_TOKEN = "of-no-process";
