import type { Handle } from "./handle.ts";
import { askKeeper } from "./keeper.ts";
import { readRecords } from "./run-files.ts";
import type { Supervision } from "./supervision.ts";
import { isAlive } from "./tree/scan.ts";

/** How often a young attempt is checked. An old one is checked less often, in proportion to its age. */
const MIN_POLL_MS = 50;
const MAX_POLL_MS = 250;
const POLLS_PER_AGE = 10;
/** How often an attempt is checked until its program is known, which takes a guard a few milliseconds. */
const BIRTH_POLL_MS = 5;

/**
 * Watches an attempt until its end, without keeping this process alive. A guard writes the status before it ends, so
 * the attempt is not lost while the guard lives. If the guard is gone, the end of the program has no status. A program
 * that has ended while another process holds its output is a zombie until the keeper of its output is asked.
 */
export function watch(handle: Handle, supervision: Supervision): void {
  const { runDir, clock, processes } = supervision;
  const { running } = handle;
  const startedAt = performance.now();
  let hadEnded = false;

  const check = () => {
    if (handle.hasEnded) return;
    // The records are not needed while both the program and its guard are known.
    const records =
      running.program && running.guard ? undefined : readRecords(runDir, running.key, processes);
    if (!running.program && records?.birth) handle.setProgram(records.birth.program);
    // The system reports the end of a guard that this process has started.
    if (running.guard && (running.launchedAt !== null || isAlive(processes, running.guard))) {
      checkProgram();
      return scheduleCheck();
    }
    handle.setGuard(null);
    // The guard's last act was to write the status, so it is there now or never.
    const ended = readRecords(runDir, running.key, processes)?.ended;
    if (ended) return handle.end(ended);
    if (running.program && isAlive(processes, running.program)) return scheduleCheck();
    handle.end({ exitCode: null, signal: null, endedAt: clock.now(), lost: true });
  };
  const checkProgram = () => {
    const { program, guard } = running;
    if (!program || !guard || !processes.hasStatus) return;
    const hasEnded = !isAlive(processes, program);
    // At the second check only: usually the guard reports the end soon, when all output is in the log.
    if (hasEnded && hadEnded) askKeeper(guard, running.key, supervision);
    hadEnded = hasEnded;
  };
  const scheduleCheck = () => {
    const age = performance.now() - startedAt;
    const pollMs = Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, age / POLLS_PER_AGE));
    setTimeout(check, running.program || age > MAX_POLL_MS ? pollMs : BIRTH_POLL_MS).unref();
  };
  // An attempt that was just launched has no records yet.
  if (running.launchedAt === null) check();
  else scheduleCheck();
}
