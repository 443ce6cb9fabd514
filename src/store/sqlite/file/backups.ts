import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { openFile } from "./driver.ts";

/**
 * The suffix of a store that a restore is about to put in place. A leftover file means that a restore was interrupted.
 */
export const RESTORING = ".restoring";

/** Returns the newest file in the folder of backups, or null. */
export function newestBackup(folder: string): string | null {
  if (!existsSync(folder)) return null;
  const newest = readdirSync(folder)
    .filter((name) => name.endsWith(".db"))
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs)
    .at(-1);
  return newest ?? null;
}

/** Larger copies are not checked: the check reads about 1 GB a second, and the daemon serves nobody meanwhile. */
const CHECK_BELOW_BYTES = 256 * 1024 * 1024;

/** Turns a copy into one complete file, which is readable without files beside it. Throws if the copy is corrupt. */
export function sealBackup(file: string): void {
  const db = openFile(file, { fileMustExist: true });
  try {
    db.pragma("journal_mode = delete");
    if (statSync(file).size > CHECK_BELOW_BYTES) return;
    const result = db.pragma("quick_check(1)", { simple: true });
    if (result !== "ok") throw new Error(`the store is corrupt, so no backup is made of it: ${result}`);
  } finally {
    db.close();
  }
}
