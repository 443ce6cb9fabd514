import { chmodSync, type Stats, statSync, truncateSync } from "node:fs";
import { AgentctlError } from "../core/errors.ts";
import { type Database, openFile } from "../store/sqlite/file/driver.ts";

/** The lock of a home, for the process that holds it. */
export interface Lock {
  /** Returns whether the lock's file is still the one that was locked. */
  isInPlace(): boolean;
  release(): void;
}

/**
 * Takes the lock of a home, or returns null if another daemon has it. It is SQLite's exclusive lock on a database that
 * nothing else opens. The kernel releases it when the process ends, so no file that names a dead or foreign process can
 * block it. POSIX locks are lost when the process closes any other descriptor of the file.
 */
export function takeLock(file: string): Lock | null {
  const db = openLockFile(file);
  try {
    chmodSync(file, 0o600);
    db.pragma("journal_mode = memory");
    db.pragma("locking_mode = exclusive");
    db.exec("begin exclusive");
    const lockedStat = statSync(file);
    return { isInPlace: () => isSameFile(file, lockedStat), release: () => db.close() };
  } catch (error) {
    db.close();
    const code = String((error as { code?: unknown }).code);
    if (code.startsWith("SQLITE_BUSY")) return null;
    if (code !== "SQLITE_NOTADB") throw error;
    // Somebody overwrote the file. We empty it in place: a new file of that name would be a different lock.
    truncateSync(file);
    return takeLock(file);
  }
}

/** Adds the file to the error: SQLite does not name the file that it cannot open. */
function openLockFile(file: string): Database {
  try {
    return openFile(file, { timeout: 0 });
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    const { code, message } = error as Error & { code?: unknown };
    throw Object.assign(new Error(`${file}: ${message}`, { cause: error }), { code });
  }
}

/** Returns whether the path leads to the file with this device and inode number. */
export function isSameFile(path: string, { dev, ino }: Pick<Stats, "dev" | "ino">): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.ino === ino && stat.dev === dev;
}
