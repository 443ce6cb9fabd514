/**
 * When a daemon last said that it was there while something worked: the time of a file. Where a machine goes down with
 * everything on it, that is all the next daemon has to tell work from absence.
 */
import { rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../core/time.ts";

const FILE = "daemon.seen";

/** By the wall clock; 0 where it was never said. */
export function lastSeen(home: string): number {
  try {
    return statSync(join(home, FILE)).mtimeMs;
  } catch {
    return 0;
  }
}

/** To be called now and then while something works. Where it cannot be said, a later daemon counts too little, no more. */
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

/** What was seen was work of another store. */
export function forgetSeen(home: string): void {
  rmSync(join(home, FILE), { force: true });
}
