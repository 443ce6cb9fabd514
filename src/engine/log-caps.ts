import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { trimLog } from "../runner/index.ts";
import type { Engine } from "./engine.ts";
import { foldersOf, logFile } from "./environment.ts";
import type { Live } from "./live.ts";

/** Bytes below a path; 0 where there is nothing. */
export function sizeOf(path: string): number {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) return 0;
    if (!stat.isDirectory()) return stat.size;
    return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
  } catch {
    return 0;
  }
}

/** Keeps the logs of each task at work below their cap. */
export async function capLogs(engine: Engine): Promise<void> {
  for (const live of engine.lives.values()) {
    if (live.frozen || live.isEnding || !live.running) continue;
    const running = live.running;
    live.trimming = cap(engine, live, {
      stop: async () => void (await engine.runner.freeze(running)),
      // A pause that came meanwhile has stopped the tree for itself.
      cont: () => {
        if (!live.frozen && live.intent?.kind !== "pause") engine.runner.thaw(running);
      },
    });
    await live.trimming;
  }
}

/** Brings the logs of a task whose attempt has ended below their cap: it may have written much since the last look. */
export async function capEnded(engine: Engine, live: Live): Promise<void> {
  try {
    await live.trimming?.catch(() => {});
    await cap(engine, live, { stop: () => {}, cont: () => {} });
  } catch (error) {
    engine.log.warn(
      { task: live.taskId, error: String(error) },
      "the log of an ended attempt stays too long",
    );
  }
}

/** Earlier attempts go first, then the oldest bytes. */
async function cap(
  engine: Engine,
  live: Live,
  writers: { stop: () => void | Promise<void>; cont: () => void },
): Promise<void> {
  const { logMaxBytes } = engine.settings;
  const { logs } = foldersOf(engine, live.taskId);
  const own = logFile(engine, live.taskId, live.attempt);
  // There is no other before the second attempt.
  if (sizeOf(live.attempt === 1 ? own : logs) <= logMaxBytes) return;
  for (const name of readdirSync(logs))
    if (join(logs, name) !== own) rmSync(join(logs, name), { force: true });
  await trimLog(own, logMaxBytes, writers.stop, writers.cont);
}
