import { chmodSync, copyFileSync, existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import type { Fault } from "../core/faults.ts";
import { systemClock } from "../core/time.ts";
import type { Paths } from "../protocol/paths.ts";
import type { DaemonLog } from "./log.ts";

const FIRST_MS = 60_000;
const KEEP = 5;
/** Ends the name of a copy that is being made. */
const DRAFT = ".part";
/** A timer holds 31 bits; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Copies of the store in `backups/`: before a migration, some time after the start and every hour unless configured, by
 * SQLite's online backup, so that writers go on. A copy gets its name when it is complete. The last five are kept. No
 * copy holds an environment.
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
    // The log of writes belongs to the file by its name, and means nothing without it.
    if (existsSync(`${this.#database}-wal`)) copyWhole(`${this.#database}-wal`, `${file}-wal`);
    copyWhole(this.#database, file);
  }

  start(db: Database.Database, everyMs: number): void {
    if (everyMs === 0) return;
    const run = () => {
      this.#running = this.#running
        .then(() => this.#backup(db))
        .catch((error) => this.#log.warn({ error: String(error) }, "a backup failed"));
    };
    const first = setTimeout(run, Math.min(FIRST_MS, everyMs));
    this.#timers = [first, setInterval(run, Math.min(everyMs, LONGEST_TIMER_MS))];
    for (const timer of this.#timers) timer.unref();
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#running;
  }

  async #backup(db: Database.Database): Promise<void> {
    const file = this.#name("automatic");
    this.#fault("backup:before");
    await db.backup(file + DRAFT);
    chmodSync(file + DRAFT, 0o600);
    renameSync(file + DRAFT, file);
    this.#fault("backup:after");
    this.#rotate();
    this.#fault("backup:after-rotation");
  }

  #rotate(): void {
    const names = readdirSync(this.#folder);
    // Of a daemon that died meanwhile.
    for (const name of names.filter((each) => each.endsWith(DRAFT))) rmSync(join(this.#folder, name));
    const kept = names
      .filter((name) => name.endsWith(".db"))
      .sort((a, b) => statSync(join(this.#folder, b)).mtimeMs - statSync(join(this.#folder, a)).mtimeMs);
    for (const name of kept.slice(KEEP)) {
      for (const suffix of ["", "-wal"]) rmSync(join(this.#folder, name + suffix), { force: true });
    }
  }

  #name(why: string): string {
    const stamp = new Date(systemClock.now()).toISOString().replace(/[:.]/g, "-");
    return join(this.#folder, `${stamp}-${why}.db`);
  }
}

function copyWhole(from: string, to: string): void {
  copyFileSync(from, to + DRAFT);
  chmodSync(to + DRAFT, 0o600);
  renameSync(to + DRAFT, to);
}
