import { chmodSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { AgentctlError } from "../../../core/errors.ts";
import type { Fault } from "../../../core/faults.ts";
import { newestBackup, RESTORING } from "./backups.ts";
import { type Database, openFile } from "./driver.ts";
import { MIGRATIONS } from "./migrations.ts";
import { foreignTables } from "./tables.ts";

/** What SQLite keeps in memory of the file; the kernel keeps the rest. */
const CACHE_KIB = 4096;

/** A database smaller than this is checked page by page at every start; the check reads about 1 GB a second. */
const CHECK_BELOW_BYTES = 64 * 1024 * 1024;

/**
 * Opens the database at `file`, making or migrating it. Throws `StoreUnavailable`, and leaves the file as it is,
 * when it is corrupt, from a newer version or from another build; `backup` is called before a migration.
 */
export function openDatabase(
  file: string,
  backup: (from: number) => void,
  fault: Fault = () => {},
  migrations: readonly string[] = MIGRATIONS,
): Database {
  if (existsSync(file) && statSync(file).size > 0) inspect(file, migrations);
  else requireNoTraces(file);
  const db = guarded(file, () => openFile(file));
  return guarded(file, () => {
    chmodSync(file, 0o600);
    db.pragma("journal_mode = wal");
    db.pragma("synchronous = full");
    db.pragma("foreign_keys = on");
    db.pragma(`cache_size = -${CACHE_KIB}`);
    db.pragma("busy_timeout = 2000");
    migrate(db, migrations, { backup, fault });
    // From here on writes try again by themselves, and nobody else waits for a lock of another program.
    db.pragma("busy_timeout = 10");
    return db;
  });
}

/** Looks at the file through a connection that writes nothing, so that what is refused stays untouched. */
function inspect(file: string, migrations: readonly string[]): void {
  const absent = [`${file}-wal`, `${file}-shm`].filter((beside) => !existsSync(beside));
  try {
    look(file, migrations);
  } catch (error) {
    // A reader makes these beside the file and cannot remove them.
    for (const beside of absent) rmSync(beside, { force: true });
    throw error;
  }
}

function look(file: string, migrations: readonly string[]): void {
  guarded(file, () => {
    try {
      examine(file, migrations);
    } catch (error) {
      if (!String((error as { code?: unknown }).code).startsWith("SQLITE_READONLY")) throw error;
      rollBack(file);
      examine(file, migrations);
    }
  });
}

/** Undoes what a process that died had begun to write, as the first writer does anyway; a reader may not. */
function rollBack(file: string): void {
  const db = openFile(file);
  try {
    db.pragma("schema_version");
  } finally {
    db.close();
  }
}

function examine(file: string, migrations: readonly string[]): void {
  const newest = migrations.length;
  const db = openFile(file, { readonly: true });
  try {
    const version = db.pragma("user_version", { simple: true }) as number;
    if (version > newest) {
      throw refused(
        file,
        `${file} was written by a newer agentctl (schema ${version}, this one knows ${newest})`,
      );
    }
    if (version === 0 && db.prepare("select 1 from sqlite_schema limit 1").get() !== undefined) {
      throw refused(file, `${file} is no store of agentctl`);
    }
    requireWholePages(file, db.pragma("page_size", { simple: true }) as number);
    if (statSync(file).size <= CHECK_BELOW_BYTES) requireSound(file, db);
    const foreign = foreignTables(db, version, migrations);
    if (foreign) throw fromAnotherBuild(file, foreign);
  } finally {
    db.close();
  }
}

function requireSound(file: string, db: Database): void {
  const [first] = db.pragma("quick_check(1)") as { quick_check: string }[];
  if (first?.quick_check !== "ok") throw refused(file, `${file} is corrupt (${first?.quick_check})`);
}

/** A backup would not help: it is of the same build. */
function fromAnotherBuild(file: string, foreign: string): AgentctlError {
  return new AgentctlError("StoreUnavailable", {
    reason: `${file} was written by another build of agentctl: ${foreign}`,
    file,
    hint: "the file was left untouched; go on with the build that wrote it, or give this one a home of its own: AGENTCTL_HOME=<folder>",
  });
}

/**
 * SQLite reads the missing end of a last page as zeros, which is what an empty one holds. What a checkpoint that was
 * cut short had begun is still in the write-ahead log, and is no damage.
 */
function requireWholePages(file: string, pageSize: number): void {
  const wal = `${file}-wal`;
  if (existsSync(wal) && statSync(wal).size > 0) return;
  if (statSync(file).size % pageSize !== 0) throw refused(file, `${file} is corrupt (its last page is cut)`);
}

/** A new store is made only where there was none: never beside the backups and logs of one that is gone. */
function requireNoTraces(file: string): void {
  const home = dirname(file);
  const traces = existsSync(`${file}${RESTORING}`) || newestBackup(join(home, "backups")) || hasTasks(home);
  if (!traces) return;
  const state = existsSync(file) ? "is empty" : "is missing";
  throw refused(file, `${file} ${state}, though this home has had tasks`);
}

/** What is left in the home of tasks that were started once. */
function hasTasks(home: string): boolean {
  const folders = ["logs", "tasks"].map((name) => join(home, name)).filter(existsSync);
  return folders.some((folder) => readdirSync(folder).some((name) => /^\d+$/.test(name)));
}

function migrate(
  db: Database,
  migrations: readonly string[],
  { backup, fault }: { backup: (from: number) => void; fault: Fault },
): void {
  const from = db.pragma("user_version", { simple: true }) as number;
  if (from > 0 && from < migrations.length) {
    fault("migrate:before-backup");
    backup(from);
    fault("migrate:after-backup");
  }
  migrations.slice(from).forEach((sql, i) => {
    db.transaction(() => {
      db.pragma(`user_version = ${from + i + 1}`);
      db.exec(sql);
      fault("migrate:before-commit");
    }).exclusive();
    fault("migrate:after-commit");
  });
}

function guarded<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    const { code, message } = error as { code?: string; message: string };
    const corrupt = code === "SQLITE_NOTADB" || code?.startsWith("SQLITE_CORRUPT");
    throw refused(file, corrupt ? `${file} is corrupt (${message})` : `${file}: ${message}`, error);
  }
}

function refused(file: string, reason: string, cause?: unknown): AgentctlError {
  const backup = newestBackup(join(dirname(file), "backups"));
  const hint = backup
    ? `the file was left untouched; agentctl daemon restore ${backup} puts the newest backup in its place`
    : "the file was left untouched; there is no backup";
  return new AgentctlError("StoreUnavailable", { reason, file, backup, hint }, { cause });
}
