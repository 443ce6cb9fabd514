import { chmodSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { AgentctlError } from "../../../core/errors.ts";
import type { Fault } from "../../../core/faults.ts";
import { newestBackup, RESTORING } from "./backups.ts";
import { type Database, openFile } from "./driver.ts";
import { MIGRATIONS } from "./migrations.ts";
import { foreignTables } from "./tables.ts";

/** How much of the file SQLite caches in memory, in KiB; the kernel caches the rest. */
const CACHE_KIB = 4096;

/** A database up to this size is checked page by page at every start; the check reads about 1 GB a second. */
const CHECK_BELOW_BYTES = 64 * 1024 * 1024;

/**
 * Opens the database at `file`; creates or migrates it if needed. Calls `backup` before a migration. Throws
 * `StoreUnavailable`, and leaves the file as it is, if it is corrupt, from a newer version or from another build.
 */
export function openDatabase(
  file: string,
  backup: (from: number) => void,
  fault: Fault = () => {},
  migrations: readonly string[] = MIGRATIONS,
): Database {
  if (existsSync(file) && statSync(file).size > 0) inspect(file, migrations);
  else requireNoTraces(file);
  const db = withStoreErrors(file, () => openFile(file));
  return withStoreErrors(file, () => {
    chmodSync(file, 0o600);
    db.pragma("journal_mode = wal");
    db.pragma("synchronous = full");
    db.pragma("foreign_keys = on");
    db.pragma(`cache_size = -${CACHE_KIB}`);
    db.pragma("busy_timeout = 2000");
    migrate(db, migrations, { backup, fault });
    // From here on the store itself retries writes, so that a lock of another program does not block everything.
    db.pragma("busy_timeout = 10");
    return db;
  });
}

/** Checks the file through a read-only connection, so that a refused file stays untouched. */
function inspect(file: string, migrations: readonly string[]): void {
  const absent = [`${file}-wal`, `${file}-shm`].filter((sibling) => !existsSync(sibling));
  try {
    examineOrRollBack(file, migrations);
  } catch (error) {
    // A reader creates these files beside the database and cannot remove them.
    for (const sibling of absent) rmSync(sibling, { force: true });
    throw error;
  }
}

function examineOrRollBack(file: string, migrations: readonly string[]): void {
  withStoreErrors(file, () => {
    try {
      examine(file, migrations);
    } catch (error) {
      if (!String((error as { code?: unknown }).code).startsWith("SQLITE_READONLY")) throw error;
      rollBack(file);
      examine(file, migrations);
    }
  });
}

/** Rolls back the unfinished write of a process that died. Any writer does this first; a reader may not. */
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
      throw refusal(
        file,
        `${file} was written by a newer agentctl (schema ${version}, this one knows ${newest})`,
      );
    }
    if (version === 0 && db.prepare("select 1 from sqlite_schema limit 1").get() !== undefined) {
      throw refusal(file, `${file} is not an agentctl store`);
    }
    requireWholePages(file, db.pragma("page_size", { simple: true }) as number);
    if (statSync(file).size <= CHECK_BELOW_BYTES) requireSound(file, db);
    const foreign = foreignTables(db, version, migrations);
    if (foreign) throw foreignRefusal(file, foreign);
  } finally {
    db.close();
  }
}

function requireSound(file: string, db: Database): void {
  const [first] = db.pragma("quick_check(1)") as { quick_check: string }[];
  if (first?.quick_check !== "ok") throw refusal(file, `${file} is corrupt (${first?.quick_check})`);
}

/** Suggests no backup: that would be from the same build. */
function foreignRefusal(file: string, foreign: string): AgentctlError {
  return new AgentctlError("StoreUnavailable", {
    reason: `${file} was written by another build of agentctl: ${foreign}`,
    file,
    hint: "the file was left untouched; go on with the build that wrote it, or give this one a home of its own: AGENTCTL_HOME=<folder>",
  });
}

/**
 * Throws if the last page is cut. SQLite reads its missing end as zeros, as in an empty page. After an interrupted
 * checkpoint nothing is damaged: its pages are still in the write-ahead log.
 */
function requireWholePages(file: string, pageSize: number): void {
  const wal = `${file}-wal`;
  if (existsSync(wal) && statSync(wal).size > 0) return;
  if (statSync(file).size % pageSize !== 0) throw refusal(file, `${file} is corrupt (its last page is cut)`);
}

/** Throws unless a new store may be made here: never beside the backups and logs of a store that is gone. */
function requireNoTraces(file: string): void {
  const home = dirname(file);
  const traces = existsSync(`${file}${RESTORING}`) || newestBackup(join(home, "backups")) || hasTasks(home);
  if (!traces) return;
  const state = existsSync(file) ? "is empty" : "is missing";
  throw refusal(file, `${file} ${state}, though this home has had tasks`);
}

/** Returns whether the home still has files of tasks that were once started. */
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

function withStoreErrors<T>(file: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof AgentctlError) throw error;
    const { code, message } = error as { code?: string; message: string };
    const isCorrupt = code === "SQLITE_NOTADB" || code?.startsWith("SQLITE_CORRUPT");
    throw refusal(file, isCorrupt ? `${file} is corrupt (${message})` : `${file}: ${message}`, error);
  }
}

function refusal(file: string, reason: string, cause?: unknown): AgentctlError {
  const backup = newestBackup(join(dirname(file), "backups"));
  const hint = backup
    ? `the file was left untouched; agentctl daemon restore ${backup} puts the newest backup in its place`
    : "the file was left untouched; there is no backup";
  return new AgentctlError("StoreUnavailable", { reason, file, backup, hint }, { cause });
}
