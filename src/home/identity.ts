/**
 * The identity of a home: a random id in `machine.json`, with the inode and birth time of the folder that it was made
 * for. If these differ, the home is a copy, and the id belongs to the original.
 */
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { ownUid } from "./account.ts";
import type { Paths } from "./paths.ts";

interface Identity {
  id: string;
  ino: number;
  birthtimeMs: number;
}

/** Returns the id of the home; undefined if it has none yet, or has the id of another home. */
export function homeId({ home, machine }: Pick<Paths, "home" | "machine">): string | undefined {
  try {
    const { id, ino, birthtimeMs } = JSON.parse(readFileSync(machine, "utf8")) as Partial<Identity>;
    const stat = statSync(home);
    const isOwn = ino === stat.ino && birthtimeMs === stat.birthtimeMs && stat.uid === ownUid();
    return isOwn && typeof id === "string" && id !== "" ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the id of the home, and makes one if there is none. The caller holds the lock of the home. */
export function ensureHomeId(paths: Pick<Paths, "home" | "machine">, newId: () => string): string {
  const existing = homeId(paths);
  if (existing !== undefined) return existing;
  const { ino, birthtimeMs } = statSync(paths.home);
  const identity: Identity = { id: newId(), ino, birthtimeMs };
  const draft = `${paths.machine}.${process.pid}.new`;
  try {
    writeFileSync(draft, `${JSON.stringify(identity)}\n`, { mode: 0o600 });
    renameSync(draft, paths.machine);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
  return identity.id;
}
