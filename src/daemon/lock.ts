import { chmodSync, type Stats, statSync, truncateSync } from "node:fs";
import { openFile } from "../store/sqlite/file/driver.ts";

/** The lock of a home, as the process that holds it has it. */
export interface Lock {
  /** Whether the lock's file is still the one that was locked. */
  isInPlace(): boolean;
  release(): void;
}

/**
 * Takes the lock of a home, or answers null when another daemon has it. It is SQLite's exclusive lock on a database
 * that nothing else opens: the kernel releases it with the process, so no file that names a dead or foreign
 * process can be in the way. POSIX locks fall when the process closes any other descriptor of the file.
 */
export function takeLock(file: string): Lock | null {
  const db = openFile(file, { timeout: 0 });
  try {
    chmodSync(file, 0o600);
    db.pragma("journal_mode = memory");
    db.pragma("locking_mode = exclusive");
    db.exec("begin exclusive");
    const locked = statSync(file);
    return { isInPlace: () => isFile(file, locked), release: () => db.close() };
  } catch (error) {
    db.close();
    const code = String((error as { code?: unknown }).code);
    if (code.startsWith("SQLITE_BUSY")) return null;
    if (code !== "SQLITE_NOTADB") throw error;
    // Somebody wrote something else into it. Emptied in place: another file of that name would be another lock.
    truncateSync(file);
    return takeLock(file);
  }
}

/** Whether the path leads to the file of these numbers. */
export function isFile(path: string, { dev, ino }: Pick<Stats, "dev" | "ino">): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.ino === ino && stat.dev === dev;
}
