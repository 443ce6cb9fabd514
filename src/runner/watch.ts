import type { Handle } from "./handle.ts";
import { readRecords } from "./run-files.ts";
import type { Supervision } from "./supervision.ts";
import { isAlive } from "./tree/scan.ts";

const POLL_MS = 100;
/** Until the program is known, which takes a guard a few milliseconds. */
const BIRTH_POLL_MS = 5;

/**
 * Waits for the end of what is not our child: by its guard, which writes the status before it ends, or where the guard
 * is gone by the program itself, whose end then has no status. The timers hold no process open.
 */
export function watch(handle: Handle, { folder, clock, processes }: Supervision): void {
  const { running } = handle;
  const records = () => readRecords(folder.path, running.key, processes);

  const look = () => {
    if (!running.program) {
      const birth = records()?.birth;
      if (birth) handle.born(birth);
    }
    if (running.guard && isAlive(processes, running.guard)) return lookAgain();
    handle.guardIs(null);
    // The guard's last act was to write it, so it is there now or never.
    const left = records()?.ended;
    if (left) return handle.end(left);
    if (running.program && isAlive(processes, running.program)) return lookAgain();
    handle.end({ exitCode: null, signal: null, endedAt: clock.now(), lost: true });
  };
  const lookAgain = () => {
    setTimeout(look, running.program ? POLL_MS : BIRTH_POLL_MS).unref();
  };
  look();
}
