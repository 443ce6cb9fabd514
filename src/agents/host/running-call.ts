/**
 * The call that a session runs, on disk beside what is saved of its task: a save that is on its way when the daemon dies,
 * and the host after it, is lost.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ToolCall } from "../adapter/types.ts";

/** A task module may have several sessions in one folder. */
function fileOf(dir: string, session: string): string {
  return join(dir, `running-${createHash("sha256").update(session).digest("hex").slice(0, 16)}`);
}

/** From here on the session runs this call, or with null none. */
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
    // A full disk keeps no agent from its work.
  }
}

/** The call that the session ran when its host said something last; null where it ran none. */
export function runningCall(dir: string, session: string | null): ToolCall | null {
  if (session === null) return null;
  const file = fileOf(dir, session);
  try {
    return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as ToolCall) : null;
  } catch {
    return null;
  }
}
