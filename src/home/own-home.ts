import { existsSync, lstatSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { AgentctlError } from "../core/errors.ts";
import { ownUid } from "./account.ts";

const OTHERS_MAY_WRITE = 0o022;

/**
 * Makes the home where there is none, and refuses one that is not the user's alone to write: before anything is written
 * to it, so that nobody can place a link there for a file of ours to be written through. A symlink is followed when link
 * and folder are both the user's. Throws `HomeRefused`.
 */
export function requireOwnHome(home: string): void {
  try {
    makeFolder(home);
  } catch (error) {
    throw homeRefused(home, (error as Error).message, error);
  }
  const stat = statSync(home);
  if (!stat.isDirectory()) throw homeRefused(home, "it is no folder");
  const uid = ownUid();
  const owner = [stat.uid, lstatSync(home).uid].find((each) => each !== uid);
  if (owner !== undefined) throw homeRefused(home, `it belongs to user ${owner}, and you are ${uid}`);
  if ((stat.mode & OTHERS_MAY_WRITE) !== 0) {
    const data = { home, reason: "others may write to it", hint: `chmod 700 ${home}` };
    throw new AgentctlError("HomeRefused", data);
  }
}

/**
 * Makes a folder and those above it, one by one: the recursive mkdir of Node tries for ever below a folder in which the
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

/** A home that cannot be used. */
export function homeRefused(home: string, reason: string, cause?: unknown): AgentctlError {
  return new AgentctlError("HomeRefused", { home, reason }, cause === undefined ? undefined : { cause });
}
