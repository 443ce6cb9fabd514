import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

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
