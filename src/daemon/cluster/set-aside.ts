/** An id means one task in the store of a home and another in that of a cluster: the files of their tasks lie apart. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Paths } from "../../home/paths.ts";

const FOLDERS = ["logs", "tasks"] as const;
const ALONE = "alone";
const LEFT = "left";

/** Before the home is a machine: what its own tasks have left waits for its return. */
export function setOwnAside(paths: Paths): void {
  moveAll(paths, (name) => join(paths.home, ALONE, name));
}

/** Before the home stands alone again: what tasks of the cluster have left here is kept, and its own files are back. */
export function takeOwnBack(paths: Paths): void {
  let n = 1;
  while (existsSync(join(paths.home, LEFT, `${n}`))) n++;
  moveAll(paths, (name) => join(paths.home, LEFT, `${n}`, name));
  for (const name of FOLDERS) {
    const own = join(paths.home, ALONE, name);
    if (!existsSync(own)) continue;
    if (existsSync(paths[name])) rmdirSync(paths[name]);
    renameSync(own, paths[name]);
  }
  if (existsSync(join(paths.home, ALONE))) rmdirSync(join(paths.home, ALONE));
}

function moveAll(paths: Paths, placeOf: (name: (typeof FOLDERS)[number]) => string): void {
  for (const name of FOLDERS) {
    if (!existsSync(paths[name]) || readdirSync(paths[name]).length === 0) continue;
    mkdirSync(join(placeOf(name), ".."), { recursive: true, mode: 0o700 });
    renameSync(paths[name], placeOf(name));
  }
}
