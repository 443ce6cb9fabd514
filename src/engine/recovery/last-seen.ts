/**
 * The time when a daemon last recorded that tasks were working: the mtime of a file. If the whole machine goes down,
 * the next daemon has only this to separate working time from downtime.
 */
import { rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../core/time.ts";

const FILE = "daemon.seen";

/** Returns the time by the wall clock; 0 if it was never recorded. */
export function lastSeen(home: string): number {
  try {
    return statSync(join(home, FILE)).mtimeMs;
  } catch {
    return 0;
  }
}

/** Records the current time; called regularly while something works. If that fails, a later daemon counts less time. */
export function noteSeen(home: string, clock: Clock): void {
  const file = join(home, FILE);
  const now = clock.now() / 1000;
  try {
    utimesSync(file, now, now);
  } catch {
    try {
      writeFileSync(file, "", { mode: 0o600 });
    } catch {}
  }
}

/** Deletes the record, because it is about the work of another store. */
export function forgetSeen(home: string): void {
  rmSync(join(home, FILE), { force: true });
}
