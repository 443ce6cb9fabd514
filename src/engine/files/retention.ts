import { readdirSync } from "node:fs";
import { join } from "node:path";
import { AgentctlError } from "../../core/errors.ts";
import { isTerminal } from "../../core/machine.ts";
import type { Task } from "../../core/task.ts";
import type { EndedTask } from "../../store/store.ts";
import type { Engine } from "../engine.ts";
import { foldersOf, taskOfFolder } from "./environment.ts";
import { allocatedBytes, removeTree } from "./tree-files.ts";
import { removeWorktree } from "./worktree/work-left.ts";

/** Why retention deletes a task, as recorded in its event. */
type Reason = "retention.age" | "retention.maxBytes";

/**
 * Deletes an ended task with its files. A worktree is removed first, then the row, then the other files, so that no
 * task points to missing files. Throws `UnsupportedOperation` if the system does not let us delete files, and, without
 * `force`, if the worktree has work that exists nowhere else.
 */
export async function deleteTask(
  engine: Engine,
  id: number,
  { actor, reason = null, force = false }: { actor: string; reason?: Reason | null; force?: boolean },
): Promise<Task> {
  const found = await engine.require(id);
  if (found.checkout && isTerminal(found.state)) await removeWorktree(engine, found, { force });
  const task = await engine.store.delete(id, { at: engine.clock.now(), actor, reason });
  const { folder, kept, logs } = foldersOf(engine, id);
  engine.fault("delete:before-files");
  for (const path of [folder, kept, logs]) await removeFiles(id, path);
  engine.fault("delete:after-files");
  return task;
}

async function removeFiles(id: number, path: string): Promise<void> {
  try {
    await removeTree(path);
  } catch (error) {
    const reason = `task ${id} is deleted, but not all of its files: ${(error as Error).message}`;
    const hint = `ls -la ${path} shows what is left; another user may own it: sudo rm -rf ${path}`;
    throw new AgentctlError("UnsupportedOperation", { reason, hint }, { cause: error });
  }
}

/** How many tasks are checked before other work gets its turn. */
const PAGE_SIZE = 200;

/** Deletes tasks that ended too long ago, then the oldest ended tasks while all of them together use too much space. */
export async function retain(engine: Engine): Promise<number> {
  const { retentionMs, retentionBytes } = engine.settings;
  const cutoff = engine.clock.now() - retentionMs;
  let bytes = 0;
  let deleted = 0;
  let page = await engine.store.ended(null, PAGE_SIZE);
  while (page.length > 0 && !engine.isStopping) {
    for (const { id, endedAt } of page) {
      const { folder, kept, logs } = foldersOf(engine, id);
      const size = await allocatedBytes([folder, kept, logs]);
      bytes += size;
      if (endedAt >= cutoff && bytes <= retentionBytes) continue;
      const reason = endedAt < cutoff ? "retention.age" : "retention.maxBytes";
      if (await deleteOrLog(engine, id, reason)) deleted++;
    }
    await yieldTurn();
    page = await engine.store.ended(page.at(-1) as EndedTask, PAGE_SIZE);
  }
  await removeOrphans(engine);
  engine.environments.sweep(await engine.store.usedEnvironments());
  return deleted;
}

/** Deletes one task. Returns false if that failed; the other tasks are deleted nevertheless. */
async function deleteOrLog(engine: Engine, task: number, reason: Reason): Promise<boolean> {
  try {
    await deleteTask(engine, task, { actor: "daemon", reason });
    engine.log.info({ task, reason }, "an ended task was deleted");
    return true;
  } catch (error) {
    engine.log.warn({ task, reason, error: String(error) }, "an ended task could not be deleted");
    return false;
  }
}

/** Lets other pending work run. */
function yieldTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Deletes folders of deleted tasks that remain because the daemon died before it deleted the files. */
async function removeOrphans(engine: Engine): Promise<void> {
  const { logs, tasks } = engine.places;
  for (const folder of [logs, tasks]) {
    for (const [index, name] of readdirSync(folder).entries()) {
      if (index % PAGE_SIZE === 0) await yieldTurn();
      if (engine.isStopping) return;
      const id = taskOfFolder(name);
      if (id === undefined || (await engine.store.has(id))) continue;
      await removeTree(join(folder, name)).catch((error) =>
        engine.log.warn({ path: join(folder, name), error: String(error) }, "files without a task are left"),
      );
    }
  }
}
