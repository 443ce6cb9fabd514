import { statfsSync } from "node:fs";
import { AgentctlError } from "../core/errors.ts";
import type { Change } from "../store/store.ts";

/** System error codes for a lack of room for a file or a process; a later try may succeed. */
const NO_ROOM_CODES = new Set(["ENOSPC", "EDQUOT", "ENFILE", "EMFILE", "EAGAIN", "ENOMEM"]);

/** How long to wait after a start for which there was no room, in ms. */
const RETRY_DELAY_MS = 5000;

/** Returns whether the error code means only that there was no room. */
export function isNoRoom(code: unknown): boolean {
  return NO_ROOM_CODES.has(String(code));
}

/** Returns the error for a failure because this folder has no room, which is not a bug. */
export function noRoomError(cause: unknown, folder: string): AgentctlError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new AgentctlError("StoreUnavailable", failureData(code, message, folder), { cause });
}

function failureData(code: unknown, message: string, folder: string): { reason: string; hint?: string } {
  if (isOutOfInodes(code, folder)) {
    const hint = `delete files there: df -i ${folder} shows how many it has; agentctl then continues by itself`;
    return { reason: `no inode is left on the file system of ${folder}`, hint };
  }
  if (code === "ENOSPC" || code === "EDQUOT")
    return { reason: `no space is left on the file system of ${folder}` };
  return { reason: message, hint: "the system is out of resources; agentctl then continues by itself" };
}

function isOutOfInodes(code: unknown, folder: string): boolean {
  if (code !== "ENOSPC") return false;
  try {
    const { files, ffree } = statfsSync(folder);
    return files > 0 && ffree === 0;
  } catch {
    return false;
  }
}

/** Returns the transition for a task whose start had no room: nothing of it ran, so it does not count as a failure. */
export function requeued(at: number): Pick<Change, "cause" | "set"> & { transition: "retry" } {
  return { transition: "retry", cause: "no-room", set: { notBefore: at + RETRY_DELAY_MS, delay: "backoff" } };
}
