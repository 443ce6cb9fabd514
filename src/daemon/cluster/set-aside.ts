/**
 * An id means one task in the store of a home and another in a cluster's, so the files of their tasks are kept apart.
 * `alone` holds the files of the home itself. A home that is not a machine takes them back, even if a join or a leave
 * was interrupted.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../../home/paths.ts";

const FOLDERS = ["logs", "tasks"] as const;
const ALONE = "alone";
const LEFT = "left";

/** Moves the files of the home's own tasks to `alone` before the home becomes a machine. */
export function setOwnFilesAside(paths: Paths): void {
  const alone = join(paths.home, ALONE);
  mkdirSync(alone, { recursive: true, mode: 0o700 });
  for (const name of FOLDERS) {
    // `restoreOwnFiles` acts on the folders in `alone`, so each must exist, even if the home had none.
    if (existsSync(paths[name])) renameSync(paths[name], join(alone, name));
    else mkdirSync(join(alone, name), { mode: 0o700 });
  }
}

/**
 * Moves the home's own files back when it is no longer a machine. Files that tasks of the cluster left here go to
 * `left`. An interrupted call continues when repeated. With nothing to take back, it does nothing.
 */
export function restoreOwnFiles(paths: Paths): void {
  const alone = join(paths.home, ALONE);
  if (!existsSync(alone)) return;
  for (const name of FOLDERS) {
    const ownFolder = join(alone, name);
    if (!existsSync(ownFolder)) continue;
    if (existsSync(paths[name])) keepClusterFiles(paths, name);
    renameSync(ownFolder, paths[name]);
  }
  rmdirSync(alone);
}

function keepClusterFiles(paths: Paths, name: (typeof FOLDERS)[number]): void {
  if (readdirSync(paths[name]).length === 0) {
    rmdirSync(paths[name]);
    return;
  }
  let n = 1;
  while (existsSync(join(paths.home, LEFT, `${n}`, name))) n++;
  mkdirSync(join(paths.home, LEFT, `${n}`), { recursive: true, mode: 0o700 });
  renameSync(paths[name], join(paths.home, LEFT, `${n}`, name));
}
