import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Returns the bytes of a log, or of the logs in a folder; 0 if nothing is there. Follows no symlink. */
export function sizeOf(path: string): number {
  try {
    const stat = lstatSync(path);
    if (!stat.isDirectory()) return stat.size;
    return readdirSync(path).reduce((sum, name) => sum + lstatSync(join(path, name)).size, 0);
  } catch {
    return 0;
  }
}
