import { join } from "node:path";
import { capLogs, type Engine, keepReserve, noteSeen, retain } from "../engine/index.ts";
import { capLog, type DaemonLog } from "./log.ts";

/** How often the logs of tasks, and the daemon's own log, are cut to their size limit, in ms. */
const LOG_CAP_EVERY_MS = 1000;
const OWN_LOG_EVERY_MS = 5000;
/** How precisely a task's run time is known after the machine has crashed, in ms. */
const SEEN_EVERY_MS = 5000;
const RESERVE_EVERY_MS = 60_000;
const FIRST_RETAIN_MS = 5000;
const RETAIN_EVERY_MS = 3_600_000;

/** Starts the daemon's periodic work. Returns its timers, which the daemon clears when it stops. */
export function startChores(engine: Engine, log: DaemonLog): NodeJS.Timeout[] {
  const guard = (activity: string, run: () => Promise<unknown>) => () => {
    run().catch((error) => log.warn({ error: String(error) }, `${activity} failed`));
  };
  let capping = Promise.resolve();
  const capTaskLogs = guard("capping logs", async () => {
    await capping;
    capping = capLogs(engine);
    await capping;
  });
  const { home } = engine.places;
  keepReserve(home);
  const clean = guard("deleting what ended long ago", () => retain(engine));
  const capOwnLog = guard("capping the daemon's log", async () => capLog(join(home, "daemon.log")));
  return [
    setInterval(capOwnLog, OWN_LOG_EVERY_MS),
    setInterval(() => engine.active.size > 0 && noteSeen(home, engine.clock), SEEN_EVERY_MS),
    setTimeout(clean, FIRST_RETAIN_MS),
    setInterval(() => keepReserve(home), RESERVE_EVERY_MS),
    setInterval(capTaskLogs, LOG_CAP_EVERY_MS),
    setInterval(clean, RETAIN_EVERY_MS),
  ];
}
