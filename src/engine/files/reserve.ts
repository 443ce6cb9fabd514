/**
 * Reserved disk space for records of what has already happened: if a task fills the disk, its end can still be
 * recorded. We release the space when the disk is full, and reserve it again when there is room.
 */
import { randomBytes } from "node:crypto";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE = "daemon.reserve";

/** Enough for the ends of a few hundred tasks, and for up to 192 KiB of output that is not in a log yet. */
const RESERVE_BYTES = 1024 * 1024;

/** Reserves the space if there is room. */
export function keepReserve(home: string): void {
  const file = join(home, FILE);
  if (existsSync(file)) return;
  try {
    // Random, because some file systems use no space for zeros.
    writeFileSync(file, randomBytes(RESERVE_BYTES), { mode: 0o600, flag: "wx" });
  } catch {
    giveReserve(home);
  }
}

/** Releases the space. If that fails, the disk stays as full as it is. */
export function giveReserve(home: string): void {
  try {
    rmSync(join(home, FILE), { force: true });
  } catch {}
}
