import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeDurably } from "../home/durable.ts";
import guardScript from "./guard.sh";

/** The file name of the guard's script begins with this, so that `ps` shows which processes are guards. */
const GUARD_NAME = "agentctl-guard";

/**
 * Writes the guard's script to the run folder, if it is not there yet, and returns its path. The name contains a hash
 * of the content, so that an upgrade never changes a script that a guard is still reading. The content of an existing
 * file is checked: a file that was emptied or damaged is written again.
 */
export function installGuard(runDir: string): string {
  const hash = createHash("sha256").update(guardScript).digest("hex").slice(0, 8);
  const file = join(runDir, `${GUARD_NAME}-${hash}.sh`);
  if (contentOf(file) !== guardScript) writeDurably(file, guardScript);
  return file;
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * Whether `argv` is that of a guard on this folder, or of a guard's subshell: its keeper, or the process that is about
 * to become the program. With `key`, only the guard of that attempt counts.
 */
export function isGuard(argv: string[], runDir: string, key?: string): boolean {
  const index = argv.findIndex((word) => word.startsWith(join(runDir, GUARD_NAME)));
  return index >= 0 && (key === undefined || argv[index + 3] === key);
}
