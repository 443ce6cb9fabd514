import type { Change } from "../store/store.ts";

/** What the system says when it has no room for a file or a process: later it may have. */
const NO_ROOM = new Set(["ENOSPC", "EDQUOT", "ENFILE", "EMFILE", "EAGAIN", "ENOMEM"]);

/** After a start for which there was no room. */
const ROOM_MS = 5000;

/** Whether a start failed with this code for want of room alone. */
export function isNoRoom(code: unknown): boolean {
  return NO_ROOM.has(String(code));
}

/** The move of a task for whose start there was no room: nothing of it ran, so it is no failure of its own. */
export function backInLine(at: number): Pick<Change, "cause" | "set"> & { transition: "retry" } {
  return { transition: "retry", cause: "no-room", set: { notBefore: at + ROOM_MS, delay: "backoff" } };
}
