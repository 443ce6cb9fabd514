import { copyFileSync, existsSync, rmSync } from "node:fs";
import { AgentctlError } from "../../../core/errors.ts";
import { type Database, openFile } from "./driver.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./migrations.ts";
import { foreignTables } from "./tables.ts";

/** The highest ids and event numbers that were given out. They never go back, because others may have seen them. */
export interface Numbers {
  tasks: number;
  events: number;
}

/** What a store knows about the processes and files of an attempt. */
export interface KnownAttempt {
  task: number;
  n: number;
  token: string;
  runKey: string;
  isLive: boolean;
}

/** The contents of a sound copy of a backup that can become the store. */
export interface RestoredStore {
  ids: Set<number>;
  open: number;
  attempts: KnownAttempt[];
}

/**
 * How many event numbers to skip if nobody can read how many were given out after the backup. Deliberately generous.
 */
const UNREADABLE_EVENTS = 1_000_000;

/**
 * Copies `backup` to `draft` and prepares it to become the store. It must be completely sound and of a known schema.
 * Its numbers continue after those given out before, so that no id and no event number means two things. Throws
 * `StoreUnavailable`, leaving nothing behind, if the backup is not usable.
 */
export function prepareRestore(
  backup: string,
  draft: string,
  numbers: { tasks: number; events: number | null },
): RestoredStore {
  dropStore(draft);
  try {
    copyFileSync(backup, draft);
    if (existsSync(`${backup}-wal`)) copyFileSync(`${backup}-wal`, `${draft}-wal`);
    const db = openFile(draft, { fileMustExist: true });
    try {
      requireSound(db, backup);
      raiseNumbers(db, numbers);
      db.pragma("wal_checkpoint(truncate)");
      return readContents(db);
    } finally {
      db.close();
    }
  } catch (error) {
    dropStore(draft);
    if (error instanceof AgentctlError) throw error;
    throw unusable(backup, (error as Error).message);
  }
}

/** Removes a store with the files that SQLite keeps beside it. */
export function dropStore(file: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(file + suffix, { force: true });
}

/** Returns the highest numbers that a store has given out; null if it is missing or cannot be read. */
export function numbersOf(file: string): Numbers | null {
  if (!existsSync(file)) return null;
  try {
    const db = openFile(file, { readonly: true, fileMustExist: true });
    try {
      return { tasks: highest(db, "tasks"), events: highest(db, "events") };
    } finally {
      db.close();
    }
  } catch {
    return null;
  }
}

/**
 * Holds open tasks and pauses schedules whose environment is missing, and gives them another one. Returns the ids of
 * the tasks and the names of the schedules.
 */
export function holdWithEnvironment(
  file: string,
  hasEnvironment: (hash: string) => boolean,
  replacement: () => string,
): { tasks: number[]; schedules: string[] } {
  const db = openFile(file, { fileMustExist: true });
  try {
    const open = db
      .prepare("select id, env_hash as hash from tasks where ended_at is null order by id")
      .all();
    const planned = db.prepare("select name, env_hash as hash from schedules order by name").all();
    const tasks = (open as { id: number; hash: string }[]).filter(({ hash }) => !hasEnvironment(hash));
    const schedules = (planned as { name: string; hash: string }[]).filter(
      ({ hash }) => !hasEnvironment(hash),
    );
    const affected = { tasks: tasks.map(({ id }) => id), schedules: schedules.map(({ name }) => name) };
    if (tasks.length + schedules.length === 0) return affected;
    const hash = replacement();
    const hold = db.prepare("update tasks set env_hash = ?, held = 1 where id = ?");
    const pause = db.prepare(
      "update schedules set env_hash = ?, paused = 1, next_at = null, fire_at = null where name = ?",
    );
    db.transaction(() => {
      for (const id of affected.tasks) hold.run(hash, id);
      for (const name of affected.schedules) pause.run(hash, name);
    })();
    db.pragma("wal_checkpoint(truncate)");
    return affected;
  } finally {
    db.close();
  }
}

function requireSound(db: Database, backup: string): void {
  const version = db.pragma("user_version", { simple: true }) as number;
  const result = db.pragma("integrity_check(1)", { simple: true });
  if (result !== "ok") throw unusable(backup, `it is corrupt (${result})`);
  if (version < 1 || version > SCHEMA_VERSION) {
    throw unusable(backup, `it is of schema ${version}, and this agentctl knows 1 to ${SCHEMA_VERSION}`);
  }
  const foreign = foreignTables(db, version, MIGRATIONS);
  if (foreign) throw unusable(backup, `another build of agentctl wrote it: ${foreign}`);
}

function unusable(backup: string, reason: string): AgentctlError {
  const hint = "the store is as it was; another backup may be sound";
  return new AgentctlError("StoreUnavailable", { reason: `${backup} cannot be restored: ${reason}`, hint });
}

function highest(db: Database, table: "tasks" | "events"): number {
  const row = db.prepare("select seq from sqlite_sequence where name = ?").pluck().get(table);
  return (row as number | undefined) ?? 0;
}

function raiseNumbers(db: Database, { tasks, events }: { tasks: number; events: number | null }): void {
  const minimum = { tasks, events: events ?? highest(db, "events") + UNREADABLE_EVENTS };
  for (const table of ["tasks", "events"] as const) {
    const seq = Math.max(minimum[table], highest(db, table));
    const { changes } = db.prepare("update sqlite_sequence set seq = ? where name = ?").run(seq, table);
    if (changes === 0) db.prepare("insert into sqlite_sequence (name, seq) values (?, ?)").run(table, seq);
  }
}

function readContents(db: Database): RestoredStore {
  const count = (where: string) =>
    db.prepare(`select count(*) from tasks where ${where}`).pluck().get() as number;
  const attempts = db.prepare("select task_id, n, token, run_key, ended_at from attempts").all() as {
    task_id: number;
    n: number;
    token: string;
    run_key: string;
    ended_at: number | null;
  }[];
  return {
    ids: new Set(db.prepare("select id from tasks").pluck().all() as number[]),
    open: count("ended_at is null"),
    attempts: attempts.map((row) => ({
      task: row.task_id,
      n: row.n,
      token: row.token,
      runKey: row.run_key,
      isLive: row.ended_at === null,
    })),
  };
}
