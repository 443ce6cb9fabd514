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
    const trimming = cap(engine, active, {
      stop: async () => void (await engine.runner.freeze(running)),
      // A pause that came meanwhile has stopped the tree for itself.
      cont: () => {
        if (!active.frozen && active.intent?.kind !== "pause") engine.runner.thaw(running);
      },
    });
    active.learn({ trimming });
    await trimming;
  }
}

/** Brings the logs of a task whose attempt has ended below their cap: it may have written much since the last look. */
export async function capEnded(engine: Engine, active: ActiveAttempt): Promise<void> {
  try {
    await active.trimming?.catch(() => {});
    await cap(engine, active, { stop: () => {}, cont: () => {} });
  } catch (error) {
    engine.log.warn(
      { task: active.taskId, error: String(error) },
      "the log of an ended attempt stays too long",
    );
  }
}

/** Earlier attempts go first, then the oldest bytes. */
async function cap(
  engine: Engine,
  active: ActiveAttempt,
  writers: { stop: () => void | Promise<void>; cont: () => void },
): Promise<void> {
  const { logMaxBytes } = engine.settings;
  const { logs } = foldersOf(engine, active.taskId);
  const own = logFile(engine, active.taskId, active.attempt);
  // There is no other before the second attempt.
  if (sizeOf(active.attempt === 1 ? own : logs) <= logMaxBytes) return;
  for (const name of readdirSync(logs))
    if (join(logs, name) !== own) rmSync(join(logs, name), { force: true });
  await trimLog(own, logMaxBytes, writers.stop, writers.cont);
}
