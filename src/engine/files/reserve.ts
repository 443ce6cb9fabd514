/**
 * Room on the disk that is kept for what must be recorded because it has happened: where a task fills the disk, its end is
 * still to find a place. It is given up when the disk is full, and taken again when there is room.
 */
import { randomBytes } from "node:crypto";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FILE = "daemon.reserve";

/** Enough for the ends of some hundred tasks, and for the 192 KiB at most of output that was on its way to a log. */
const BYTES = 1024 * 1024;

/** Takes the room where there is some. */
export function keepReserve(home: string): void {
  const file = join(home, FILE);
  if (existsSync(file)) return;
  try {
    // Random, because some file systems keep zeros without taking room for them.
    writeFileSync(file, randomBytes(BYTES), { mode: 0o600, flag: "wx" });
  } catch {
    giveReserve(home);
  }
}

/** Where it cannot be given up, the disk stays as full as it is. */
export function giveReserve(home: string): void {
  try {
    rmSync(join(home, FILE), { force: true });
  } catch {}
}
