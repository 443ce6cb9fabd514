import { join } from "node:path";
import { capLogs, type Engine, keepReserve, noteSeen, retain } from "../engine/index.ts";
import { capLog, type DaemonLog } from "./log.ts";

/** How often logs are held to their cap, and how often what ended long ago is deleted. */
const LOG_CAP_EVERY_MS = 1000;
const OWN_LOG_EVERY_MS = 5000;
/** How exactly it is known how long something had worked when the machine went down. */
const SEEN_EVERY_MS = 5000;
const RESERVE_EVERY_MS = 60_000;
const FIRST_RETAIN_MS = 5000;
const RETAIN_EVERY_MS = 3_600_000;

/** What a daemon does now and then; the timers end with it. */
export function chores(engine: Engine, log: DaemonLog): NodeJS.Timeout[] {
  const guarded = (what: string, run: () => Promise<unknown>) => () => {
    run().catch((error) => log.warn({ error: String(error) }, `${what} failed`));
  };
  let capping = Promise.resolve();
  const cap = guarded("capping logs", async () => {
    await capping;
    capping = capLogs(engine);
    await capping;
  });
  const { home } = engine.places;
  keepReserve(home);
  const clean = guarded("deleting what ended long ago", () => retain(engine));
  const capOwn = guarded("capping the daemon's log", async () => capLog(join(home, "daemon.log")));
  return [
    setInterval(capOwn, OWN_LOG_EVERY_MS),
    setInterval(() => engine.active.size > 0 && noteSeen(home, engine.clock), SEEN_EVERY_MS),
    setTimeout(clean, FIRST_RETAIN_MS),
    setInterval(() => keepReserve(home), RESERVE_EVERY_MS),
    setInterval(cap, LOG_CAP_EVERY_MS),
    setInterval(clean, RETAIN_EVERY_MS),
  ];
}
