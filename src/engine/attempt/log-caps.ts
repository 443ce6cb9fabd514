import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { trimLog } from "../../runner/index.ts";
import type { Engine } from "../engine.ts";
import { foldersOf, logFile } from "../files/environment.ts";
import { sizeOf } from "../files/size-of.ts";
import type { ActiveAttempt } from "./active-attempt.ts";

/** Keeps the logs of each running task below their cap. */
export async function capLogs(engine: Engine): Promise<void> {
  for (const active of engine.active.values()) {
    if (active.frozen || active.isEnding || !active.running) continue;
    const running = active.running;
    const trimming = trimLogs(engine, active, {
      stop: async () => void (await engine.runner.freeze(running)),
      // If a pause began meanwhile, the tree stays stopped for it.
      cont: () => {
        if (!active.frozen && active.intent?.kind !== "pause") engine.runner.thaw(running);
      },
    });
    active.update({ trimming });
    await trimming;
  }
}

/** Trims a task's logs to their cap after its attempt has ended: it may have written much since the last check. */
export async function capEnded(engine: Engine, active: ActiveAttempt): Promise<void> {
  try {
    await active.trimming?.catch(() => {});
    await trimLogs(engine, active, { stop: () => {}, cont: () => {} });
  } catch (error) {
    engine.log.warn(
      { task: active.taskId, error: String(error) },
      "the log of an ended attempt stays too long",
    );
  }
}

/** Deletes the logs of earlier attempts first, then the oldest bytes of this one. */
async function trimLogs(
  engine: Engine,
  active: ActiveAttempt,
  writers: { stop: () => void | Promise<void>; cont: () => void },
): Promise<void> {
  const { logMaxBytes } = engine.settings;
  const { logs } = foldersOf(engine, active.taskId);
  const current = logFile(engine, active.taskId, active.attempt);
  // The first attempt's log is the only one.
  if (sizeOf(active.attempt === 1 ? current : logs) <= logMaxBytes) return;
  for (const name of readdirSync(logs))
    if (join(logs, name) !== current) rmSync(join(logs, name), { force: true });
  await trimLog(current, logMaxBytes, writers.stop, writers.cont);
}
