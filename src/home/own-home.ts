/**
 * Which directory is a home. We make a home where there is nothing or an empty directory. Its mark is `daemon.lock`,
 * made before any other file, or `agentctl.db`. We refuse every other directory before we change anything in it: a
 * wrong AGENTCTL_HOME may name a project, or `/`.
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

/** Returns whether the directory has agentctl's mark. */
export function isHome({ database, lock }: Pick<Paths, "database" | "lock">): boolean {
  return existsSync(database) || existsSync(lock);
}

/**
 * Refuses an existing path that is not a home: a file, a directory with other files, `/`, the user's own directory, a
 * directory of another user, or one that others may write to (a symlink there could redirect our writes). Follows a
 * symlink if the user owns both the link and the directory. Changes nothing. Throws `HomeRefused`.
 */
export function requireHome(paths: Paths): void {
  const { home } = paths;
  const stat = statOf(home);
  if (!stat) return;
  if (!stat.isDirectory()) throw homeRefused(home, "it is not a folder");
  if (isSameFolder(stat, "/")) throw notForHome(home, "it is the root of the file system");
  if (isSameFolder(stat, paths.userHome)) throw notForHome(home, "it is your own home directory");
  const uid = ownUid();
  const owner = [stat.uid, lstatSync(home).uid].find((each) => each !== uid);
  if (owner !== undefined) throw homeRefused(home, `it belongs to user ${owner}, and you are ${uid}`);
  // Read the names before looking for the mark: another command may be making this home, and makes the mark first.
  if (namesIn(home).length > 0 && !isHome(paths))
    throw notForHome(
      home,
      "it holds other files and neither agentctl.db nor daemon.lock, so it is not a home of agentctl",
    );
  if ((stat.mode & OTHERS_MAY_WRITE) !== 0)
    throw homeRefused(home, "others may write to it", { hint: `chmod 700 ${home}` });
}

/** Makes the home and its mark if they do not exist; refuses what {@link requireHome} refuses. */
export function makeHome(paths: Paths): void {
  const { home, lock } = paths;
  requireHome(paths);
  try {
    makeFolder(home);
    // An existing lock file is never opened: closing it would release the lock of a daemon in this process.
    if (!isHome(paths)) makeMark(lock);
  } catch (error) {
    throw homeRefused(home, (error as Error).message, { cause: error });
  }
  requireHome(paths);
}

/** Returns the error for a home that cannot be used. */
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

/** Returns undefined if there is nothing at the path. */
function statOf(home: string): Stats | undefined {
  try {
    return statSync(home);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") throw homeRefused(home, message, { cause: error });
    const link = lstatSync(home, { throwIfNoEntry: false });
    if (link?.isSymbolicLink()) throw homeRefused(home, "it is a link that leads nowhere");
    // Another command has made it in the meantime.
    return link;
  }
}

function isSameFolder({ dev, ino }: Stats, path: string): boolean {
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
 * Makes a folder and its parents, one by one. Node's recursive mkdir never returns for a path such as /proc, where the
 * kernel creates no folder and reports that the path does not exist.
 */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another command may have made it first. For a broken symlink, existsSync returns false.
    if (!existsSync(path)) throw error;
  }
}

function makeMark(lock: string): void {
  try {
    closeSync(openSync(lock, "ax", 0o600));
  } catch (error) {
    // Another command made it first.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
