import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";

/** Creates FIFOs at the paths where there are none, with mode 0600. Rejects if the system refuses one. */
export async function makePipes(paths: readonly string[]): Promise<void> {
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length > 0) await promisify(execFile)("mkfifo", ["-m", "600", "--", ...missing]);
}
