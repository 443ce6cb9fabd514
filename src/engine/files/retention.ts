import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Task } from "../../core/task.ts";
import type { EndedTask } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { foldersOf, taskOfFolder } from "./environment.ts";
import { sizeOf } from "./size-of.ts";

/** Deletes an ended task with its files; the row goes first, so that no task is left that points to nothing. */
export async function deleteTask(engine: Engine, id: number, actor: string): Promise<Task> {
  const task = await engine.store.delete(id, { at: engine.clock.now(), actor });
  const { folder, kept, logs } = foldersOf(engine, id);
  engine.fault("delete:before-files");
  for (const path of [folder, kept, logs]) rmSync(path, { recursive: true, force: true });
  engine.fault("delete:after-files");
  return task;
}

/** So many tasks are looked at before others have their turn. */
const PAGE = 200;

/** Deletes tasks that ended too long ago, then the oldest ended ones while all of them together take too much room. */
export async function retain(engine: Engine): Promise<number> {
  const { retentionMs, retentionBytes } = engine.settings;
  const cutoff = engine.clock.now() - retentionMs;
  let bytes = 0;
  let deleted = 0;
  let page = await engine.store.ended(null, PAGE);
  while (page.length > 0 && !engine.isStopping) {
    for (const { id, endedAt } of page) {
      const { folder, kept, logs } = foldersOf(engine, id);
      bytes += sizeOf(folder) + sizeOf(kept) + sizeOf(logs);
      if (endedAt >= cutoff && bytes <= retentionBytes) continue;
      await deleteTask(engine, id, "daemon");
      deleted++;
    }
    await others();
    page = await engine.store.ended(page.at(-1) as EndedTask, PAGE);
  }
  await removeOrphans(engine);
  engine.environments.sweep(await engine.store.usedEnvironments());
  return deleted;
}

/** Lets what waits be done before anything more. */
function others(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Deletes the folders of tasks that were deleted by a daemon that died before it came to their files. */
async function removeOrphans(engine: Engine): Promise<void> {
  const { logs, tasks } = engine.places;
  for (const folder of [logs, tasks]) {
    for (const [at, name] of readdirSync(folder).entries()) {
      if (at % PAGE === 0) await others();
      if (engine.isStopping) return;
      const id = taskOfFolder(name);
      if (id === undefined || (await engine.store.has(id))) continue;
      rmSync(join(folder, name), { recursive: true, force: true });
    }
  }
}
