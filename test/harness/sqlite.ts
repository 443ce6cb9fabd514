import { openFile } from "../../src/store/sqlite/file/driver.ts";
import type { Home } from "./home.ts";
import { needsOwnStore } from "./shared-store.ts";

/** Runs one statement on the home's store, even while the daemon runs. Returns rows, or for a write what changed. */
// biome-ignore lint/suspicious/noExplicitAny: rows are what the statement says
export function sqlite(home: Pick<Home, "dir" | "skip">, sql: string, params: unknown[] = []): any {
  needsOwnStore(home, "looks at SQLite itself");
  const db = openFile(`${home.dir}/agentctl.db`, { fileMustExist: true, timeout: 5_000 });
  try {
    const statement = db.prepare(sql);
    return statement.reader ? statement.all(...params) : statement.run(...params);
  } finally {
    db.close();
  }
}

/** Whether another process holds a lock on this SQLite file. */
export function isLocked(path: string): boolean {
  const db = openFile(path, { fileMustExist: true, timeout: 0 });
  try {
    db.exec("begin exclusive; rollback");
    return false;
  } catch (error) {
    return (error as { code?: string }).code?.startsWith("SQLITE_BUSY") ?? false;
  } finally {
    db.close();
  }
}
