import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { openFile } from "./driver.ts";

/** Ends the name of a store that a restore is about to put in place; one that is left tells of a restore cut short. */
export const RESTORING = ".restoring";

/** The newest file of the folder of backups, or null. */
export function newestBackup(folder: string): string | null {
  if (!existsSync(folder)) return null;
  const newest = readdirSync(folder)
    .filter((name) => name.endsWith(".db"))
    .map((name) => join(folder, name))
    .sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs)
    .at(-1);
  return newest ?? null;
}

/** A copy beyond this size is not read through: the check reads about 1 GB a second, and nobody is served meanwhile. */
const CHECK_BELOW_BYTES = 256 * 1024 * 1024;

/** Makes a copy one whole file, which can be read without others beside it. Throws where the copy is corrupt. */
export function sealBackup(file: string): void {
  const db = openFile(file, { fileMustExist: true });
  try {
    db.pragma("journal_mode = delete");
    if (statSync(file).size > CHECK_BELOW_BYTES) return;
    const found = db.pragma("quick_check(1)", { simple: true });
    if (found !== "ok") throw new Error(`the store is corrupt, so no backup is made of it: ${found}`);
  } finally {
    db.close();
  }
}
