/** Ends and removes what a daemon that died has left without an owner: run files, hosts that waited, environments. */
import { readdirSync, rmSync } from "node:fs";
import { isOwnName } from "../../home/own-names.ts";
import type { Engine } from "../engine.ts";
import { hostLog } from "../hosts/hosts.ts";

/** To be called when every live attempt is known; `live` are the keys of those that were so, even if they have ended by now. */
export async function clean(engine: Engine, active: ReadonlySet<string>): Promise<void> {
  const inUse = new Set([...active, ...[...engine.active.values()].map(({ runKey }) => runKey)]);
  const found = readdirSync(engine.places.run)
    .filter((name) => isOwnName("run", name))
    .map((name) => name.replace(/\.[^.]*$/, ""));
  const orphans = [...new Set(found)].filter((key) => !inUse.has(key));
  for (const key of orphans) {
    if (key.startsWith("host.")) void endHost(engine, key);
    else engine.runner.forget(key);
    engine.runner.steps(key).remove();
  }
  engine.environments.sweep(await engine.store.usedEnvironments());
}

/** A host that waited for a task learns from this daemon that its token is nobody's; this does not rely on it. */
async function endHost(engine: Engine, key: string): Promise<void> {
  try {
    // Its token is not known, and not needed: it has started nothing.
    const state = await engine.runner.adopt({ key, token: NO_TOKEN });
    if (state && "running" in state) await engine.runner.terminate(state.running, { graceMs: 0 });
  } catch (error) {
    engine.log.warn({ key, error: String(error) }, "a module host of an earlier daemon could not be ended");
  }
  engine.runner.forget(key);
  rmSync(hostLog(engine.places, key), { force: true });
}

const NO_TOKEN = "of-no-process";
