import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { terminalStates } from "../core/machine.ts";
import type { Task } from "../core/task.ts";
import type { Engine } from "./engine.ts";
import { foldersOf } from "./environment.ts";
import { sizeOf } from "./log-caps.ts";

/** Deletes an ended task with its files; the row goes first, so that no task is left that points to nothing. */
export async function deleteTask(engine: Engine, id: number, actor: string): Promise<Task> {
  const task = await engine.store.delete(id, { at: engine.clock.now(), actor });
  const { folder, logs } = foldersOf(engine, id);
  engine.fault("delete:before-files");
  for (const path of [folder, logs]) rmSync(path, { recursive: true, force: true });
  engine.fault("delete:after-files");
  return task;
}

/** Deletes tasks that ended too long ago, then the oldest ended ones while all of them together take too much room. */
export async function retain(engine: Engine): Promise<number> {
  const { retentionMs, retentionBytes } = engine.settings;
  const ended = await engine.store.list({ states: terminalStates, limit: 1_000_000 });
  ended.sort((a, b) => (b.endedAt ?? 0) - (a.endedAt ?? 0));
  const cutoff = engine.clock.now() - retentionMs;
  let bytes = 0;
  let deleted = 0;
  for (const task of ended) {
    const { folder, logs } = foldersOf(engine, task.id);
    bytes += sizeOf(folder) + sizeOf(logs);
    if ((task.endedAt ?? 0) >= cutoff && bytes <= retentionBytes) continue;
    await deleteTask(engine, task.id, "daemon");
    deleted++;
  }
  await removeOrphans(engine, new Set(ended.map(({ id }) => String(id))));
  engine.environments.sweep(await engine.store.usedEnvironments());
  return deleted;
}

/** Deletes the folders of tasks that were deleted by a daemon that died before it came to their files. */
async function removeOrphans(engine: Engine, known: ReadonlySet<string>): Promise<void> {
  const { logs, tasks } = engine.places;
  for (const folder of [logs, tasks]) {
    for (const name of readdirSync(folder)) {
      if (known.has(name) || !/^\d+$/.test(name) || (await engine.store.get(Number(name)))) continue;
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}
