import { chmodSync, copyFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import type { Fault } from "../core/faults.ts";
import { systemClock } from "../core/time.ts";
import type { Paths } from "../protocol/paths.ts";
import type { DaemonLog } from "./log.ts";

const EVERY_MS = 3_600_000;
const KEEP = 5;

/**
 * Copies of the store in `backups/`: before a migration, some time after the start and every hour, by SQLite's
 * online backup, so that writers go on. The last five are kept. No copy holds an environment.
 */
export class Backups {
  readonly #folder: string;
  readonly #database: string;
  readonly #log: DaemonLog;
  readonly #fault: Fault;
  #timers: NodeJS.Timeout[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(paths: Paths, log: DaemonLog, fault: Fault) {
    this.#folder = paths.backups;
    this.#database = paths.database;
    this.#log = log;
    this.#fault = fault;
  }

  /** A plain copy: nothing has the database open yet. */
  beforeMigration(from: number): void {
    const file = this.#name(`before-migration-from-${from}`);
    for (const suffix of ["", "-wal"]) {
      try {
        copyFileSync(this.#database + suffix, file + suffix);
        chmodSync(file + suffix, 0o600);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      }
    }
  }

  start(db: Database.Database): void {
    const run = () => {
      this.#running = this.#backup(db).catch((error) => {
        this.#log.warn({ error: String(error) }, "a backup failed");
      });
    };
    const first = setTimeout(run, 60_000);
    this.#timers = [first, setInterval(run, EVERY_MS)];
    for (const timer of this.#timers) timer.unref();
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#running;
  }

  async #backup(db: Database.Database): Promise<void> {
    const file = this.#name("automatic");
    this.#fault("backup:before");
    await db.backup(file);
    chmodSync(file, 0o600);
    this.#fault("backup:after");
    const kept = readdirSync(this.#folder)
      .filter((name) => name.endsWith(".db"))
      .sort((a, b) => statSync(join(this.#folder, b)).mtimeMs - statSync(join(this.#folder, a)).mtimeMs);
    for (const name of kept.slice(KEEP)) {
      for (const suffix of ["", "-wal"]) rmSync(join(this.#folder, name + suffix), { force: true });
    }
    this.#fault("backup:after-rotation");
  }

  #name(why: string): string {
    const stamp = new Date(systemClock.now()).toISOString().replace(/[:.]/g, "-");
    return join(this.#folder, `${stamp}-${why}.db`);
  }
}
