import { randomUUID } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { AgentctlError } from "../core/errors.ts";
import type { Fault } from "../core/faults.ts";
import type { Settings } from "../core/settings.ts";
import { systemClock } from "../core/time.ts";
import { isOwnName } from "../home/own-names.ts";
import type { Paths } from "../home/paths.ts";
import type { Database } from "../store/sqlite/file/driver.ts";
import { newestBackup, sealBackup } from "../store/sqlite/index.ts";
import type { DaemonLog } from "./log.ts";

/** How long the first backup waits after the start, in ms: a daemon that has just started has more urgent work. */
const FIRST_DELAY_MS = 2000;
/** How long to wait after a failed backup, in ms. Most likely the disk was full. */
const RETRY_MS = 60_000;
/** Ends the name of an unfinished copy. */
const DRAFT = ".part";
/** The longest delay of a timer, in ms. A timer holds 31 bits; with a longer delay it would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Copies of the store in `backups/`: one before a migration, one soon after the start if the newest is older than
 * `backup.every`, and then one every `backup.every`. SQLite's online backup lets writers go on. A copy gets its name
 * once it is complete and sound, so a corrupt store never pushes out the good copies. The last `backup.keep` stay. An
 * unchanged store is not copied again. No copy holds an environment.
 */
export class Backups {
  readonly #paths: Paths;
  readonly #settings: Settings;
  readonly #log: DaemonLog;
  readonly #fault: Fault;
  #db: Database | null = null;
  #copiedChanges = -1;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(options: { paths: Paths; settings: Settings; log: DaemonLog; fault: Fault }) {
    this.#paths = options.paths;
    this.#settings = options.settings;
    this.#log = options.log;
    this.#fault = options.fault;
  }

  /** Makes a plain copy: nothing has opened the database yet. */
  beforeMigration(from: number): void {
    const file = this.#newPath(`before-migration-from-${from}`);
    // SQLite finds a WAL by its database's name. A WAL without its database has no effect, so it is copied first.
    if (existsSync(`${this.#paths.database}-wal`))
      copyAtomically(`${this.#paths.database}-wal`, `${file}-wal`);
    copyAtomically(this.#paths.database, file);
  }

  start(db: Database): void {
    this.#db = db;
    this.arm();
  }

  /** Schedules the next backup according to the current settings. */
  arm(): void {
    const { backupEveryMs: every } = this.#settings;
    if (this.#timer) clearTimeout(this.#timer);
    if (every === 0 || !this.#db) return;
    const newest = newestBackup(this.#paths.backups);
    const age = newest ? Math.max(0, systemClock.now() - statSync(newest).mtimeMs) : every;
    const isUnchanged = this.#copiedChanges === changesOf(this.#db);
    const delay = isUnchanged ? every : Math.max(every - age, Math.min(FIRST_DELAY_MS, every));
    this.#wake(delay);
  }

  async stop(): Promise<void> {
    this.#db = null;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#running;
  }

  #run(): void {
    void this.#enqueue(() => this.#backup())
      .then(() => this.arm())
      .catch((error) => {
        this.#log.warn({ error: String(error) }, "a backup failed");
        this.#wake(Math.min(RETRY_MS, this.#settings.backupEveryMs));
      });
  }

  #wake(ms: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), Math.min(ms, MAX_TIMER_MS));
    this.#timer.unref();
  }

  /** Makes a backup now and returns its path: `target`, or a new file in `backups/`, where `backup.keep` counts it. */
  async backUpNow(target?: string): Promise<string> {
    return await this.#enqueue(async () => {
      const db = this.#db;
      if (!db)
        throw new AgentctlError("UnsupportedOperation", { reason: "the daemon is starting or stopping" });
      const file = target ?? this.#newPath("by-hand");
      if (existsSync(file)) {
        throw new AgentctlError("InvalidParams", { field: "file", reason: `${file} is there already` });
      }
      // Next to the user's file, the draft needs a name that no other file can have.
      const draft = target === undefined ? file + DRAFT : `${file}.${randomUUID()}`;
      await writeCopy(db, file, draft).catch((cause: Error) => {
        const reason = `${file} cannot be written: ${cause.message}`;
        throw new AgentctlError("InvalidParams", { field: "file", reason }, { cause });
      });
      if (target === undefined) this.#rotate();
      return file;
    });
  }

  /** Runs one copy after the other. */
  #enqueue<T>(copy: () => Promise<T>): Promise<T> {
    const result = this.#running.then(copy);
    this.#running = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  async #backup(): Promise<void> {
    const db = this.#db;
    if (!db) return;
    const changes = changesOf(db);
    if (changes === this.#copiedChanges) return;
    this.#fault("backup:before");
    const file = this.#newPath("automatic");
    await writeCopy(db, file, file + DRAFT);
    this.#copiedChanges = changes;
    this.#fault("backup:after");
    this.#rotate();
    this.#fault("backup:after-rotation");
  }

  #rotate(): void {
    const names = readdirSync(this.#paths.backups).filter((name) => isOwnName("backups", name));
    // Drafts left by a daemon that died while it copied.
    for (const name of names.filter((each) => each.includes(DRAFT))) rmSync(join(this.#paths.backups, name));
    const newestFirst = names
      .filter((name) => name.endsWith(".db"))
      .sort(
        (a, b) =>
          statSync(join(this.#paths.backups, b)).mtimeMs - statSync(join(this.#paths.backups, a)).mtimeMs,
      );
    for (const name of newestFirst.slice(this.#settings.backupKeep)) {
      for (const suffix of ["", "-wal"]) rmSync(join(this.#paths.backups, name + suffix), { force: true });
    }
  }

  #newPath(label: string): string {
    for (let time = systemClock.now(); ; time++) {
      const stamp = new Date(time).toISOString().replace(/[:.]/g, "-");
      const file = join(this.#paths.backups, `${stamp}-${label}.db`);
      if (!existsSync(file)) return file;
    }
  }
}

/** Writes a sound copy to `file`. If this fails, leaves nothing behind and throws. */
async function writeCopy(db: Database, file: string, draft: string): Promise<void> {
  try {
    await db.backup(draft);
    chmodSync(draft, 0o600);
    sealBackup(draft);
    renameSync(draft, file);
  } catch (error) {
    for (const suffix of ["", "-journal"]) rmSync(draft + suffix, { force: true });
    throw error;
  }
}

function copyAtomically(from: string, to: string): void {
  copyFileSync(from, to + DRAFT);
  chmodSync(to + DRAFT, 0o600);
  renameSync(to + DRAFT, to);
}

/** Returns how many rows this connection has changed. No other connection writes. */
function changesOf(db: Database): number {
  return db.prepare("select total_changes()").pluck().get() as number;
}
