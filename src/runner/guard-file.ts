import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { writeDurably } from "../home/durable.ts";
import guardScript from "./guard.sh";

/** The file of a guard's script begins so; by it `ps` shows what a guard is. */
const GUARD_NAME = "agentctl-guard";

/**
 * Has the guard's script where guards read it, and gives its path. The name follows from its content: an upgrade never
 * changes the script under a guard that is still reading it. What is there is trusted only if it is the same: a file
 * that was emptied or damaged is written again.
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
 * Whether this argv is that of a guard on this folder, or of a subshell of one: its keeper, or what is about to become
 * its program. With `key` it is the guard of that attempt.
 */
export function isGuard(argv: string[], runDir: string, key?: string): boolean {
  const at = argv.findIndex((word) => word.startsWith(join(runDir, GUARD_NAME)));
  return at >= 0 && (key === undefined || argv[at + 3] === key);
}
