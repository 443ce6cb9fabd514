/**
 * An id means one task in the store of a home and another in that of a cluster: the files of their tasks lie apart. What
 * is in `alone` belongs to the home itself; a home that is no machine takes it back, also where a join or a leave was cut
 * off on its way.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../../home/paths.ts";

const FOLDERS = ["logs", "tasks"] as const;
const ALONE = "alone";
const LEFT = "left";

/** Before the home is a machine: what its own tasks have left waits for its return. */
export function setOwnAside(paths: Paths): void {
  const alone = join(paths.home, ALONE);
  mkdirSync(alone, { recursive: true, mode: 0o700 });
  for (const name of FOLDERS) {
    // A folder that is there has something to take back: each is there, whatever the home had.
    if (existsSync(paths[name])) renameSync(paths[name], join(alone, name));
    else mkdirSync(join(alone, name), { mode: 0o700 });
  }
}

/**
 * Once the home is no machine any more: what tasks of the cluster have left here is kept in `left`, and its own files are
 * back. It may be cut off anywhere, and goes on when it is called again; without anything to take back it does nothing.
 */
export function takeOwnBack(paths: Paths): void {
  const alone = join(paths.home, ALONE);
  if (!existsSync(alone)) return;
  for (const name of FOLDERS) {
    const own = join(alone, name);
    if (!existsSync(own)) continue;
    if (existsSync(paths[name])) keepLeft(paths, name);
    renameSync(own, paths[name]);
  }
  rmdirSync(alone);
}

function keepLeft(paths: Paths, name: (typeof FOLDERS)[number]): void {
  if (readdirSync(paths[name]).length === 0) {
    rmdirSync(paths[name]);
    return;
  }
  let n = 1;
  while (existsSync(join(paths.home, LEFT, `${n}`, name))) n++;
  mkdirSync(join(paths.home, LEFT, `${n}`), { recursive: true, mode: 0o700 });
  renameSync(paths[name], join(paths.home, LEFT, `${n}`, name));
}
