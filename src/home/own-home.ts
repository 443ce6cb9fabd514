/**
 * Which directory is a home. A home is made where there is nothing or an empty directory, and from then on it bears a
 * mark: `daemon.lock`, made before anything else in it, or `agentctl.db`. Every other directory is refused before anything
 * in it changes: a wrong AGENTCTL_HOME may name a project, or `/`.
 */
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  type Stats,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { AgentctlError } from "../core/errors.ts";
import { ownUid } from "./account.ts";
import type { Paths } from "./paths.ts";

const OTHERS_MAY_WRITE = 0o022;

/** Whether the directory bears agentctl's mark. */
export function isHome({ database, lock }: Pick<Paths, "database" | "lock">): boolean {
  return existsSync(database) || existsSync(lock);
}

/**
 * Refuses a path that is there and is no home: a file, a directory with other files, one of another user or that others
 * may write to (so that nobody can place a link there for a file of ours to be written through), `/`, or the user's own
 * directory. A symlink is followed when link and directory are both the user's. Changes nothing. Throws `HomeRefused`.
 */
export function requireHome(paths: Paths): void {
  const { home } = paths;
  const stat = statOf(home);
  if (!stat) return;
  if (!stat.isDirectory()) throw homeRefused(home, "it is not a folder");
  if (isSame(stat, "/")) throw notForHome(home, "it is the root of the file system");
  if (isSame(stat, paths.userHome)) throw notForHome(home, "it is your own home directory");
  const uid = ownUid();
  const owner = [stat.uid, lstatSync(home).uid].find((each) => each !== uid);
  if (owner !== undefined) throw homeRefused(home, `it belongs to user ${owner}, and you are ${uid}`);
  // In this order: another command may be making it, the mark before anything else.
  if (namesIn(home).length > 0 && !isHome(paths))
    throw notForHome(
      home,
      "it holds other files and neither agentctl.db nor daemon.lock, so it is not a home of agentctl",
    );
  if ((stat.mode & OTHERS_MAY_WRITE) !== 0)
    throw homeRefused(home, "others may write to it", { hint: `chmod 700 ${home}` });
}

/** Makes the home where there is none, and its mark; refuses as {@link requireHome} does. */
export function makeHome(paths: Paths): void {
  const { home, lock } = paths;
  requireHome(paths);
  try {
    makeFolder(home);
    // Never opened where it is there: to close it would release the lock of a daemon in this process.
    if (!isHome(paths)) makeMark(lock);
  } catch (error) {
    throw homeRefused(home, (error as Error).message, { cause: error });
  }
  requireHome(paths);
}

/** A home that cannot be used. */
export function homeRefused(
  home: string,
  reason: string,
  { hint, cause }: { hint?: string; cause?: unknown } = {},
): AgentctlError {
  const data = hint === undefined ? { home, reason } : { home, reason, hint };
  return new AgentctlError("HomeRefused", data, cause === undefined ? undefined : { cause });
}

function notForHome(home: string, reason: string): AgentctlError {
  const hint = `AGENTCTL_HOME=${join(home, ".agentctl")} chooses a folder of its own, and without AGENTCTL_HOME it is ~/.agentctl`;
  return homeRefused(home, reason, { hint });
}

/** Undefined where there is nothing. */
function statOf(home: string): Stats | undefined {
  try {
    return statSync(home);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw homeRefused(home, message, { cause: error });
    const found = lstatSync(home, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) throw homeRefused(home, "it is a link that leads nowhere");
    // Another command has made it meanwhile.
    return found;
  }
}

function isSame({ dev, ino }: Stats, path: string): boolean {
  const other = statSync(path, { throwIfNoEntry: false });
  return other?.dev === dev && other.ino === ino;
}

function namesIn(home: string): string[] {
  try {
    return readdirSync(home);
  } catch (error) {
    throw homeRefused(home, (error as Error).message, { cause: error });
  }
}

/**
 * Makes a folder and those above it, one by one: the recursive mkdir of Node never ends below a folder in which the
 * kernel makes none and says that it is not there, such as /proc.
 */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another command was quicker; a link that leads nowhere is there, too, and no folder.
    if (!existsSync(path)) throw error;
  }
}

function makeMark(lock: string): void {
  try {
    closeSync(openSync(lock, "ax", 0o600));
  } catch (error) {
    // Another command was quicker.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
