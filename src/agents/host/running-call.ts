/**
 * Keeps on disk which call a session runs, in addition to the saves of its task: if the daemon dies and then the host,
 * a save that was on its way is lost.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ToolCall } from "../adapter/types.ts";

/** Returns the session's own file: a task module may have several sessions in one folder. */
function fileOf(dir: string, session: string): string {
  return join(dir, `running-${createHash("sha256").update(session).digest("hex").slice(0, 16)}`);
}

/** Records that the session runs `call` from now on, or no call if it is null. */
export function noteRunning(dir: string, session: string, call: ToolCall | null): void {
  const file = fileOf(dir, session);
  try {
    if (!call) {
      rmSync(file, { force: true });
      return;
    }
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(`${file}.new`, JSON.stringify(call), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  } catch {
    // A full disk does not stop the agent.
  }
}

/** Returns the call that the session ran when its host last recorded one; null if it ran none. */
export function runningCall(dir: string, session: string | null): ToolCall | null {
  if (session === null) return null;
  const file = fileOf(dir, session);
  try {
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as ToolCall) : null;
  } catch {
    return null;
  }
}
